"""Plain PyTorch: `nn.Module`, `torch.optim.Adam` (fused) and autograd.

Images and kernels are in the memory format `channels_last`, which is the
faster one for these networks on CPUs and on accelerators alike.
"""

import torch
import torch.nn.functional as F
from torch import nn

CHANNELS_LAST = torch.channels_last


def device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class ConvSame(nn.Conv2d):
    """A convolution of 5x5 and stride 2 with TensorFlow's "same" padding."""

    def __init__(self, inputs, filters, bias=True):
        super().__init__(inputs, filters, 5, stride=2, bias=bias)

    def forward(self, x):
        total = [(-(-size // 2) - 1) * 2 + 5 - size for size in x.shape[2:]]
        (top, left), (bottom, right) = (
            [t // 2 for t in total],
            [t - t // 2 for t in total],
        )
        if (top, left) == (bottom, right):
            return F.conv2d(x, self.weight, self.bias, 2, (top, left))
        return super().forward(F.pad(x, (left, right, top, bottom)))


class ConvTransposeSame(nn.ConvTranspose2d):
    """The transpose of a 5x5 convolution of stride 2, which doubles."""

    def __init__(self, inputs, filters, bias=True):
        super().__init__(inputs, filters, 5, stride=2, padding=1, bias=bias)

    def forward(self, x):
        return super().forward(x)[:, :, :-1, :-1]


class VAE(nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.hidden = nn.Linear(pixels, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder_hidden = nn.Linear(latent, hidden)
        self.logits = nn.Linear(hidden, pixels)

    def forward(self, x, noise):
        h = torch.tanh(self.hidden(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = torch.addcmul(mean, torch.exp(0.5 * log_variance), noise)
        logits = self.logits(torch.tanh(self.decoder_hidden(z)))
        return mean, log_variance, logits


class DCGANGenerator(nn.Module):
    def __init__(self, latent, width):
        super().__init__()
        self.width = width
        self.project = nn.Linear(latent, 49 * 2 * width, bias=False)
        self.project_norm = nn.BatchNorm1d(49 * 2 * width)
        self.up = ConvTransposeSame(2 * width, width, bias=False)
        self.up_norm = nn.BatchNorm2d(width)
        self.image = ConvTransposeSame(width, 1, bias=False)

    def forward(self, z):
        x = F.relu(self.project_norm(self.project(z)), inplace=True)
        x = x.view(-1, 7, 7, 2 * self.width).permute(0, 3, 1, 2)
        x = F.relu(self.up_norm(self.up(x)), inplace=True)
        return torch.tanh(self.image(x))


class DCGANDiscriminator(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = ConvSame(1, width, bias=False)
        self.second = ConvSame(width, 2 * width, bias=False)
        self.norm = nn.BatchNorm2d(2 * width)
        self.logit = nn.Linear(49 * 2 * width, 1, bias=False)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.2, inplace=True)
        x = F.leaky_relu(self.norm(self.second(x)), 0.2, inplace=True)
        return self.logit(x.permute(0, 2, 3, 1).flatten(1)).squeeze(1)


class WGANGenerator(nn.Module):
    def __init__(self, latent, width):
        super().__init__()
        self.width = width
        self.project = nn.Linear(latent, 16 * 4 * width)
        self.ups = nn.ModuleList(
            [
                ConvTransposeSame(4 * width, 2 * width),
                ConvTransposeSame(2 * width, width),
                ConvTransposeSame(width, 1),
            ]
        )

    def forward(self, z):
        x = F.relu(self.project(z), inplace=True)
        x = x.view(-1, 4, 4, 4 * self.width).permute(0, 3, 1, 2)
        x = F.relu(self.ups[0](x)[:, :, :7, :7])
        x = F.relu(self.ups[1](x))
        return torch.sigmoid(self.ups[2](x))


class WGANCritic(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.convs = nn.ModuleList(
            [
                ConvSame(1, width),
                ConvSame(width, 2 * width),
                ConvSame(2 * width, 4 * width),
            ]
        )
        self.score = nn.Linear(16 * 4 * width, 1)

    def forward(self, x):
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2, inplace=True)
        return self.score(x.permute(0, 2, 3, 1).flatten(1)).squeeze(1)


@torch.no_grad()
def load(network, arrays):
    """Copies the weights of the Keras network with the same layers."""
    arrays = [torch.from_numpy(array) for array in arrays]
    for module in network.modules():
        if isinstance(module, nn.Linear):
            module.weight.copy_(arrays.pop(0).T)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # (height, width, in, out), or (height, width, out, in) where
            # transposed: both become PyTorch's order of the same two axes.
            module.weight.copy_(arrays.pop(0).permute(3, 2, 0, 1))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.weight.copy_(arrays.pop(0))
            module.bias.copy_(arrays.pop(0))
            module.running_mean.copy_(arrays.pop(0))
            module.running_var.copy_(arrays.pop(0))
            continue
        else:
            continue
        if module.bias is not None:
            module.bias.copy_(arrays.pop(0))
    if arrays:
        raise ValueError(f"{len(arrays)} arrays of weights are left over.")
    return network.to(device(), memory_format=CHANNELS_LAST).train()


class Loop:
    """One model, its optimizers and its epoch."""

    names = ("loss",)

    def __init__(self, weights, sizes, jit_compile=False):
        del jit_compile  # The plain loop is what users write and compare to.
        self.sizes = sizes
        self.device = device()
        self.build(weights)

    def update(self, x, noise):
        for optimizer in self.optimizers:
            if not optimizer.defaults.get("hooked"):
                optimizer.defaults["hooked"] = True
                optimizer.register_step_pre_hook(epsilon_of_keras)
        noise = [torch.from_numpy(n).to(self.device) for n in noise]
        values = self.losses(self.to_device(x), noise)
        return dict(zip(self.names, map(float, values), strict=True))

    def to_device(self, x):
        x = torch.from_numpy(x).to(self.device, non_blocking=True)
        # One channel: NHWC and NCHW hold the same bytes.
        return x if x.ndim == 2 else x.permute(0, 3, 1, 2)

    def train(self, batches):
        total, count = torch.zeros(len(self.names), device=self.device), 0
        for x in batches:
            x = self.to_device(x)
            total += torch.stack(self.losses(x, self.draw(len(x))))
            count += 1
        means = (total / count).tolist()
        return dict(zip(self.names, means, strict=True))


def adam(network, lr, betas, eps):
    return torch.optim.Adam(
        network.parameters(), lr, betas=betas, eps=eps, fused=True
    )


def epsilon_of_keras(optimizer, *_):
    """Keras adds epsilon before the bias correction, PyTorch after it.

    It matters where gradients are tiny, as at the first steps; only the
    comparison of losses needs it.
    """
    (group,) = optimizer.param_groups
    group["t"] = group.get("t", 0) + 1
    correction = 1.0 - group["betas"][1] ** group["t"]
    group["eps"] = optimizer.defaults["eps"] / correction**0.5


class VAELoop(Loop):
    names = ("loss", "reconstruction_loss", "kl_divergence")

    def build(self, weights):
        sizes = self.sizes
        self.vae = load(
            VAE(sizes["pixels"], sizes["hidden"], sizes["latent"]),
            [*weights["encoder"], *weights["decoder"]],
        )
        self.optimizer = adam(self.vae, 1e-3, (0.9, 0.999), 1e-7)
        self.optimizers = [self.optimizer]

    def draw(self, size):
        shape = (size, self.sizes["latent"])
        return [torch.randn(shape, device=self.device)]

    def losses(self, x, noise):
        (noise,) = noise
        noise = noise.reshape(len(x), -1)
        mean, log_variance, logits = self.vae(x, noise)
        reconstruction = F.binary_cross_entropy_with_logits(
            logits, x, reduction="sum"
        ) / len(x)
        kl = (mean**2 + log_variance.exp() - 1.0 - log_variance).sum()
        kl = 0.5 * kl / len(x)
        loss = reconstruction + kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach(), reconstruction.detach(), kl.detach()


class DCGANLoop(Loop):
    names = ("discriminator_loss", "generator_loss")

    def build(self, weights):
        width = self.sizes["width"]
        self.generator = load(
            DCGANGenerator(self.sizes["latent"], width), weights["generator"]
        )
        self.discriminator = load(
            DCGANDiscriminator(width), weights["discriminator"]
        )
        self.generator_adam, self.discriminator_adam = (
            adam(network, 2e-4, (0.5, 0.999), 1e-8)
            for network in (self.generator, self.discriminator)
        )
        self.optimizers = [self.generator_adam, self.discriminator_adam]

    def draw(self, size):
        shape = (size, self.sizes["latent"])
        return [
            torch.empty(shape, device=self.device).uniform_(-1.0, 1.0)
            for _ in range(2)
        ]

    def losses(self, x, noise):
        with torch.no_grad():
            fake = self.generator(noise[0])
        discriminator_loss = (
            F.softplus(-self.discriminator(x)).mean()
            + F.softplus(self.discriminator(fake)).mean()
        )
        self.discriminator_adam.zero_grad()
        discriminator_loss.backward()
        self.discriminator_adam.step()

        fake = self.generator(noise[1])
        generator_loss = F.softplus(-self.discriminator(fake)).mean()
        self.generator_adam.zero_grad()
        generator_loss.backward(inputs=list(self.generator.parameters()))
        self.generator_adam.step()
        return discriminator_loss.detach(), generator_loss.detach()


class WGANGPLoop(Loop):
    names = (
        "critic_loss",
        "generator_loss",
        "wasserstein_estimate",
        "gradient_penalty",
        "gradient_norm",
    )

    def build(self, weights):
        width = self.sizes["width"]
        self.generator = load(
            WGANGenerator(self.sizes["latent"], width), weights["generator"]
        )
        self.critic = load(WGANCritic(width), weights["critic"])
        self.generator_adam, self.critic_adam = (
            adam(network, 1e-4, (0.0, 0.9), 1e-8)
            for network in (self.generator, self.critic)
        )
        self.optimizers = [self.generator_adam, self.critic_adam]

    def draw(self, size):
        part = size // self.sizes["critic_steps"]
        noise = []
        for _ in range(self.sizes["critic_steps"]):
            noise.append(self.latents(part))
            noise.append(torch.rand(part, device=self.device))
        return [*noise, self.latents(part)]

    def latents(self, size):
        shape = (size, self.sizes["latent"])
        return torch.randn(shape, device=self.device)

    def critic_update(self, real, z, position):
        with torch.no_grad():
            fake = self.generator(z)
        distance = self.critic(real).mean() - self.critic(fake).mean()
        points = torch.lerp(real, fake, position.view(-1, 1, 1, 1))
        points.requires_grad_()
        (gradients,) = torch.autograd.grad(
            self.critic(points).sum(), points, create_graph=True
        )
        norms = (gradients.flatten(1).square().sum(1) + 1e-12).sqrt()
        penalty = (norms - 1.0).square().mean()
        loss = 10.0 * penalty - distance
        self.critic_adam.zero_grad()
        loss.backward(inputs=list(self.critic.parameters()))
        self.critic_adam.step()
        values = [loss, distance, penalty, norms.mean()]
        return torch.stack([value.detach() for value in values])

    def losses(self, x, noise):
        steps = self.sizes["critic_steps"]
        logs = sum(
            self.critic_update(part, noise[2 * i], noise[2 * i + 1])
            for i, part in enumerate(x.chunk(steps))
        )
        critic_loss, *others = (logs / steps).unbind()
        generator_loss = -self.critic(self.generator(noise[-1])).mean()
        self.generator_adam.zero_grad()
        generator_loss.backward(inputs=list(self.generator.parameters()))
        self.generator_adam.step()
        return critic_loss, generator_loss.detach(), *others


LOOPS = {"vae": VAELoop, "dcgan": DCGANLoop, "wgan_gp": WGANGPLoop}
