"""Train the emotion network once more: python -m models.emotions.distill --data PATH.

It begins with the shipped weights. Its targets are in equal parts the labels and what the shipped
network answers (Furlanello et al. 2018, arXiv:1805.04770): many faces of FER2013 carry a label that
few people would give.
"""

import copy
import dataclasses

import torch

from modelkit.torch_network import load_module
from models.emotions.export import GRAPH
from models.emotions.train import EmotionTask
from models.training.run import Options, parse_options, train
from vision.networks import EmotionNetwork

_TEACHER_SHARE = 0.5
_TEACHER_BATCH = 256


class DistilledEmotionTask(EmotionTask):
    """FER2013 with targets that a trained network takes part in.

    Args:
        options: Of the run.
        teacher: The network.
    """

    sizes_px = ((0.45, 40), (1.0, 48))

    def __init__(self, options: Options, teacher: EmotionNetwork) -> None:
        super().__init__(options)
        self.recipe = dataclasses.replace(self.recipe, peak_rate=0.03, warm_up_share=0.1)
        faces = torch.from_numpy(self._training.images).permute(0, 3, 1, 2)
        with torch.inference_mode():
            told = torch.cat([teacher(part) for part in torch.split(faces, _TEACHER_BATCH)])
        self.targets = torch.lerp(self.targets, told, _TEACHER_SHARE)


def main() -> None:
    """Run the training."""
    options = parse_options("emotions", epochs=40)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    teacher = EmotionNetwork()
    teacher.load_state_dict(load_module(GRAPH, "vision.networks:EmotionNetwork").state_dict())
    network = copy.deepcopy(teacher.network)
    train(DistilledEmotionTask(options, teacher.eval()), network, options)


if __name__ == "__main__":
    main()
