"""Model threads take denormal floats for zero: networks make many, and each costs much time."""

import subprocess
import sys

# In a process of its own: ONNX Runtime flushes denormals in the thread of the first session.
DOUBLE_IN_BOTH_THREADS = """
import asyncio
import numpy as np
from modelkit.execution import ModelThread

def double() -> float:
    return float(np.multiply(np.float32(1e-40), np.float32(2)))

async def main() -> None:
    thread = ModelThread("model")
    print(double() > 0.0, await thread.run(double))
    thread.close()

asyncio.run(main())
"""


def test_model_thread_flushes_denormals_and_no_other_does() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DOUBLE_IN_BOTH_THREADS], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["True", "0.0"]
