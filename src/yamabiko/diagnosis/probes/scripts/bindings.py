"""
cuda-bindings, asked one harmless question: are they newer than the driver, and how many answers do they give?

Their CUDA runtime is linked into them; 35 is cudaErrorInsufficientDriver. No GPU is needed, and no context is made.
"""

from cuda.bindings import runtime

tell = globals()["tell"]

error, *payload = runtime.cudaStreamGetCaptureInfo(0)
tell(error=int(error), payload=len(payload))
