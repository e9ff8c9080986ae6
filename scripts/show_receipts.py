"""Print the receipts of transcripts (json files) for people: what was used, how we know, how long it took."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def show(path: Path) -> None:
    receipt: dict[str, Any] = json.loads(path.read_text("utf-8"))["yamabiko"]
    took = receipt["timings"]
    print(f"==> {path}: receipt <==")
    print(f"  engine    {receipt['engine']} {receipt['engine_version']}, {receipt['environment']}")
    print(f"  model     {receipt['model']} @ {receipt['model_revision']}")
    print(f"  asked     {receipt['requested_device']} / {receipt['requested_compute_type']}")
    print(f"  used      {receipt['used_device']} / {receipt['used_compute_type']}: {receipt['verdict']}")
    for evidence in receipt["evidence"]:
        print(f"  evidence  {evidence['kind']}: {evidence['value']}")
    print(
        f"  seconds   {took['total_s']:.1f} for {receipt['audio_s']:.1f} of audio: decoding {took['decode_s']:.1f}, "
        f"finding speech {took['find_speech_s']:.1f}, loading {took['load_s']:.1f}, inference {took['inference_s']:.1f}, "
        f"waiting {took['queue_s']:.1f}"
    )
    for fallback in receipt["fallbacks"]:
        print(f"  fallback  {fallback['id']}: {fallback['we_did']['en']}")
    print()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        show(Path(name))
