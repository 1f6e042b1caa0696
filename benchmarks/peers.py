"""Steps per second of `fit` on PyTorch, against other libraries' trainers.

```
pip install pythae
KERAS_BACKEND=torch python benchmarks/peers.py --peer pythae
```

The networks, batches, losses and optimizers are the same in kind and size;
each side brings its own layers, initial weights, data loader and training
step. Rounds alternate as in `throughput.py`. The peers are no requirements of
this project:

- `pythae` 0.1.2: its `VAE` and `BaseTrainer` on the VAE 784-500-20, batch 100;
- `mimicry` (`torch_mimicry` 0.1.16): its WGAN-GP ResNet for 32x32 images at
  width 32; a step is five updates of the critic, of 64 images each, and one
  of the generator.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import types

import throughput
from throughput import CASES, JIT_COMPILE, ROOT, Case, Sides

import keras_gen


class Pythae:
    """The VAE of pythae in its own trainer."""

    case = CASES["vae"]

    def __init__(self, sizes):
        from pythae.models import VAE, VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from torch import nn

        pixels, hidden, latent = sizes.values()

        class Encoder(BaseEncoder):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Sequential(
                    nn.Linear(pixels, hidden), nn.Tanh()
                )
                self.mean = nn.Linear(hidden, latent)
                self.log_variance = nn.Linear(hidden, latent)

            def forward(self, x):
                h = self.hidden(x)
                return ModelOutput(
                    embedding=self.mean(h), log_covariance=self.log_variance(h)
                )

        class Decoder(BaseDecoder):
            def __init__(self):
                super().__init__()
                self.network = nn.Sequential(
                    nn.Linear(latent, hidden),
                    nn.Tanh(),
                    nn.Linear(hidden, pixels),
                    nn.Sigmoid(),
                )

            def forward(self, z):
                return ModelOutput(reconstruction=self.network(z))

        config = VAEConfig((pixels,), latent, reconstruction_loss="bce")
        self.model = VAE(config, Encoder(), Decoder())
        self.folder = tempfile.TemporaryDirectory()
        self.trainers = {}

    def trainer(self, x):
        """One for each data set, as its loader is made with it."""
        if len(x) not in self.trainers:
            import torch
            from pythae.data.datasets import BaseDataset
            from pythae.trainers import BaseTrainer, BaseTrainerConfig

            x = torch.from_numpy(x)
            trainer = BaseTrainer(
                self.model,
                BaseDataset(x, torch.ones(len(x))),
                training_config=BaseTrainerConfig(
                    output_dir=self.folder.name,
                    per_device_train_batch_size=self.case.batch_size,
                    learning_rate=1e-3,
                    no_cuda=not torch.cuda.is_available(),
                ),
            )
            trainer.prepare_training()
            # Its progress bar is left out, as that of `fit` is.
            trainer.callback_handler.callbacks = []
            self.trainers[len(x)] = trainer
        return self.trainers[len(x)]

    def train(self, x):
        return {"loss": float(self.trainer(x).train_step(epoch=1))}


def build_resnet():
    return keras_gen.WGANGP((32, 32, 3), width=32, seed=0), None


class Mimicry:
    """The networks of mimicry and their training steps."""

    case = Case(
        "wgan_gp_resnet",
        build_resnet,
        ("generator", "critic"),
        (32, 32, 3),
        5 * 64,
        {"latent": 128, "width": 32, "critic_steps": 5},
        (-1.0, 1.0),
    )

    def __init__(self, sizes):
        import torch

        # They import what PyTorch 2 has no more; neither is needed.
        for name in ("torch_mimicry.datasets", "torch_mimicry.metrics"):
            sys.modules.setdefault(name, types.ModuleType(name))
        from torch_mimicry.nets.wgan_gp.wgan_gp_32 import (
            WGANGPDiscriminator32,
            WGANGPGenerator32,
        )
        from torch_mimicry.training.metric_log import MetricLog

        self.device = torch.device(
            "cuda" if torch.cuda.is_available() else "cpu"
        )
        latent, width, self.critic_steps = sizes.values()
        self.generator = WGANGPGenerator32(latent, width).to(self.device)
        self.critic = WGANGPDiscriminator32(width).to(self.device)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), 1e-4, betas=(0.0, 0.9))
            for network in (self.generator, self.critic)
        ]
        self.log = MetricLog()

    def train(self, x):
        import torch

        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(images, torch.zeros(len(images))),
            batch_size=self.case.batch_size // self.critic_steps,
            shuffle=True,
        )
        of_generator, of_critic = self.optimizers
        for index, batch in enumerate(loader):
            batch = [tensor.to(self.device) for tensor in batch]
            shared = {"log_data": self.log, "device": self.device}
            self.critic.train_step(
                real_batch=batch, netG=self.generator, optD=of_critic, **shared
            )
            if (index + 1) % self.critic_steps == 0:
                self.generator.train_step(
                    real_batch=batch,
                    netD=self.critic,
                    optG=of_generator,
                    **shared,
                )
        return {"critic_loss": float(self.log["errD"])}


PEERS = {"pythae": Pythae, "mimicry": Mimicry}


class PeerSides(Sides):
    """Our model and a peer's trainer."""

    def __init__(self, peer, jit_compile):
        self.peer = peer
        super().__init__(peer.case, jit_compile)

    def make_loop(self, jit_compile):
        return self.peer(self.case.sizes)

    def batches(self, x):
        return x


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", choices=list(PEERS), default="pythae")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument(
        "--jit-compile", choices=list(JIT_COMPILE), default="auto"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, default=ROOT / "runs" / "benchmarks"
    )
    options = parser.parse_args()
    facts = throughput.surroundings()
    if facts["backend"] != "torch":
        parser.error(
            "The peers are libraries of PyTorch. Received: KERAS_BACKEND="
            f"{facts['backend']}. Set KERAS_BACKEND=torch."
        )
    print(options.peer, facts)
    sides = PeerSides(PEERS[options.peer], JIT_COMPILE[options.jit_compile])
    measured = throughput.compare(sides, options.rounds, options.steps)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"{options.peer}-jit-{options.jit_compile}.json"
    settings = {name: str(value) for name, value in vars(options).items()}
    path.write_text(json.dumps({**settings, **facts, **measured}, indent=2))
    print(path)


if __name__ == "__main__":
    main()
