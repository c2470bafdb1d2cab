"""Eyes for the small model: a Qwen3-VL vision encoder of one thin layer, filled with fixed noise.

llama.cpp takes it as a model's `mmproj` file. It then decodes each picture, resizes it as Qwen3-VL does, and
spends one prompt token for each 32 x 32 pixels. What the model gets to "see" is noise: the protocol and the
counting are real. The names of the tensors are llama.cpp's (tools/mtmd, projector qwen3vl_merger).
"""

from pathlib import Path

import gguf
import numpy as np

PIXELS_A_PATCH = 16
PATCHES_A_TOKEN_SIDE = 2
PATCHES_A_SIDE = 16
WIDTH = 64
INNER_WIDTH = 128
HEADS = 2
TEXT_WIDTH = 576  # the embedding length of SmolLM2-135M


def write_eyes(path: Path) -> None:
    writer = gguf.GGUFWriter(str(path), "clip")
    _describe(writer)
    for name, values in _tensors().items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_name("noise-eyes")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("qwen3vl_merger")
    writer.add_vision_patch_size(PIXELS_A_PATCH)
    writer.add_vision_image_size(PIXELS_A_PATCH * PATCHES_A_SIDE)
    writer.add_vision_spatial_merge_size(PATCHES_A_TOKEN_SIDE)
    writer.add_vision_block_count(1)
    writer.add_vision_embedding_length(WIDTH)
    writer.add_vision_feed_forward_length(INNER_WIDTH)
    writer.add_vision_head_count(HEADS)
    writer.add_vision_projection_dim(TEXT_WIDTH)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5] * 3)
    writer.add_vision_image_std([0.5] * 3)
    writer.add_vision_use_gelu(True)


def _tensors() -> dict[str, np.ndarray]:
    merged = WIDTH * PATCHES_A_TOKEN_SIDE**2
    patch = (WIDTH, 3, PIXELS_A_PATCH, PIXELS_A_PATCH)
    layers = {
        "v.blk.0.attn_qkv": (3 * WIDTH, WIDTH),
        "v.blk.0.attn_out": (WIDTH, WIDTH),
        "v.blk.0.ffn_up": (INNER_WIDTH, WIDTH),
        "v.blk.0.ffn_down": (WIDTH, INNER_WIDTH),
        "mm.0": (merged, merged),
        "mm.2": (TEXT_WIDTH, merged),
    }
    random = np.random.default_rng(2026)

    def noise(*shape: int) -> np.ndarray:
        return random.normal(scale=0.02, size=shape).astype(np.float32)

    tensors = {
        # Two kernels: Qwen3-VL looks at two frames at once, and a still picture is its own second frame.
        "v.patch_embd.weight": noise(*patch),
        "v.patch_embd.weight.1": noise(*patch),
        "v.patch_embd.bias": noise(WIDTH),
        "v.position_embd.weight": noise(PATCHES_A_SIDE**2, WIDTH),
    }
    for name, (rows, columns) in layers.items():
        tensors[f"{name}.weight"] = noise(rows, columns)
        tensors[f"{name}.bias"] = noise(rows)
    for name in ("v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        tensors[f"{name}.weight"] = np.ones(WIDTH, dtype=np.float32)
        tensors[f"{name}.bias"] = np.zeros(WIDTH, dtype=np.float32)
    return tensors
