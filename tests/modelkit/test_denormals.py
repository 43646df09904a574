"""Model threads take denormal floats for zero: networks make many, and each costs much time."""

import numpy as np

from modelkit.execution import ModelThread

DENORMAL = np.float32(1e-40)


def double() -> float:
    return float(np.multiply(DENORMAL, np.float32(2)))


async def test_model_thread_flushes_denormals_and_no_other_does() -> None:
    thread = ModelThread("model")

    in_thread = await thread.run(double)
    thread.close()

    assert in_thread == 0.0
    assert double() > 0.0
