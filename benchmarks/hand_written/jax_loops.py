"""Plain JAX: one jitted pure function for each step, its state donated."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NHWC = ("NHWC", "HWIO", "NHWC")


def conv(x, kernel, bias=None):
    y = lax.conv_general_dilated(
        x, kernel, (2, 2), "SAME", dimension_numbers=NHWC
    )
    return y if bias is None else y + bias


def conv_transpose(x, kernel, bias=None):
    """The kernel is (height, width, out, in), as in the forward direction."""
    y = lax.conv_transpose(
        x,
        kernel,
        (2, 2),
        ((3, 2), (3, 2)),
        dimension_numbers=NHWC,
        transpose_kernel=True,
    )
    return y if bias is None else y + bias


def batch_norm(x, scale, offset, mean, variance):
    """The normalized batch, and the moving statistics after it."""
    axes = tuple(range(x.ndim - 1))
    batch_mean = jnp.mean(x, axes)
    batch_variance = jnp.mean(jnp.square(x - batch_mean), axes)
    y = (x - batch_mean) * (scale * lax.rsqrt(batch_variance + 1e-5)) + offset
    moved = [
        0.9 * old + 0.1 * lax.stop_gradient(new)
        for old, new in ((mean, batch_mean), (variance, batch_variance))
    ]
    return y, moved


def leaky_relu(x):
    return jnp.maximum(x, 0.2 * x)


def adam_state(params):
    zeros = functools.partial(jax.tree.map, jnp.zeros_like)
    return {"t": jnp.zeros((), "int32"), "m": zeros(params), "v": zeros(params)}


def adam(params, state, gradients, lr, b1, b2, eps):
    t = state["t"] + 1
    m = jax.tree.map(
        lambda m, g: b1 * m + (1.0 - b1) * g, state["m"], gradients
    )
    v = jax.tree.map(
        lambda v, g: b2 * v + (1.0 - b2) * g * g, state["v"], gradients
    )
    rate = lr * jnp.sqrt(1.0 - b2**t) / (1.0 - b1**t)
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + eps), params, m, v
    )
    return params, {"t": t, "m": m, "v": v}


def split_statistics(arrays, norms):
    """Parameters and moving statistics of a network with `norms` norms.

    `norms` are the positions at which a norm's four arrays start.
    """
    statistics = [
        arrays[index] for start in norms for index in (start + 2, start + 3)
    ]
    moving = {index for start in norms for index in (start + 2, start + 3)}
    params = [a for i, a in enumerate(arrays) if i not in moving]
    return params, statistics


class Loop:
    """One model, its state and its epoch."""

    names = ("loss",)

    def __init__(self, weights, sizes, jit_compile=True):
        del jit_compile  # JAX is always compiled.
        self.sizes = sizes
        weights = {
            name: [jnp.array(array) for array in arrays]
            for name, arrays in weights.items()
        }
        self.state = {
            "key": jax.random.key(0),
            "sums": jnp.zeros(len(self.names)),
            **self.initial_state(weights),
        }
        self._update = jax.jit(self.losses, donate_argnums=0)
        self._step = jax.jit(self.step, donate_argnums=0)

    def update(self, x, noise):
        self.state, values = self._update(self.state, x, noise)
        return dict(zip(self.names, map(float, values), strict=True))

    def step(self, state, x):
        state = dict(state)
        state["key"], key = jax.random.split(state["key"])
        state, values = self.losses(state, x, self.draw(key, len(x)))
        return {**state, "sums": state["sums"] + jnp.stack(values)}

    def train(self, batches):
        self.state["sums"] = jnp.zeros(len(self.names))
        count = 0
        for x in batches:
            self.state = self._step(self.state, x)
            count += 1
        jax.block_until_ready(self.state)
        means = np.asarray(self.state["sums"]) / count
        return dict(zip(self.names, means.tolist(), strict=True))


class VAELoop(Loop):
    names = ("loss", "reconstruction_loss", "kl_divergence")

    def initial_state(self, weights):
        params = [*weights["encoder"], *weights["decoder"]]
        return {"params": params, "adam": adam_state(params)}

    def draw(self, key, size):
        return [jax.random.normal(key, (size, self.sizes["latent"]))]

    def losses(self, state, x, noise):
        def loss_of(params):
            w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = params
            h = jnp.tanh(x @ w1 + b1)
            mean, log_variance = h @ w2 + b2, h @ w3 + b3
            eps = noise[0].reshape(mean.shape)
            z = mean + jnp.exp(0.5 * log_variance) * eps
            logits = jnp.tanh(z @ w4 + b4) @ w5 + b5
            reconstruction = jax.nn.softplus(logits) - x * logits
            reconstruction = reconstruction.sum() / len(x)
            kl = mean**2 + jnp.exp(log_variance) - 1.0 - log_variance
            kl = 0.5 * kl.sum() / len(x)
            return reconstruction + kl, (reconstruction, kl)

        (loss, parts), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            state["params"]
        )
        params, moments = adam(
            state["params"], state["adam"], gradients, 1e-3, 0.9, 0.999, 1e-7
        )
        return {**state, "params": params, "adam": moments}, (loss, *parts)


def dcgan_generator(params, statistics, z):
    project, scale1, offset1, up, scale2, offset2, image = params
    x, moved1 = batch_norm(z @ project, scale1, offset1, *statistics[:2])
    x = jax.nn.relu(x).reshape(len(z), 7, 7, -1)
    x, moved2 = batch_norm(
        conv_transpose(x, up), scale2, offset2, *statistics[2:]
    )
    x = jnp.tanh(conv_transpose(jax.nn.relu(x), image))
    return x, [*moved1, *moved2]


def dcgan_discriminator(params, statistics, x):
    first, second, scale, offset, logit = params
    x = conv(leaky_relu(conv(x, first)), second)
    x, moved = batch_norm(x, scale, offset, *statistics)
    x = leaky_relu(x).reshape(len(x), -1)
    return (x @ logit)[:, 0], moved


class DCGANLoop(Loop):
    names = ("discriminator_loss", "generator_loss")

    def initial_state(self, weights):
        generator, generator_moving = split_statistics(
            weights["generator"], norms=(1, 6)
        )
        discriminator, discriminator_moving = split_statistics(
            weights["discriminator"], norms=(2,)
        )
        return {
            "g": generator,
            "g_moving": generator_moving,
            "g_adam": adam_state(generator),
            "d": discriminator,
            "d_moving": discriminator_moving,
            "d_adam": adam_state(discriminator),
        }

    def draw(self, key, size):
        shape = (size, self.sizes["latent"])
        return [
            jax.random.uniform(k, shape, minval=-1.0, maxval=1.0)
            for k in jax.random.split(key)
        ]

    def losses(self, state, x, noise):
        state = dict(state)
        settings = (2e-4, 0.5, 0.999, 1e-8)
        fake, state["g_moving"] = dcgan_generator(
            state["g"], state["g_moving"], noise[0]
        )

        def discriminator_loss_of(d):
            real_logits, moving = dcgan_discriminator(d, state["d_moving"], x)
            fake_logits, moving = dcgan_discriminator(d, moving, fake)
            loss = jax.nn.softplus(-real_logits).mean()
            return loss + jax.nn.softplus(fake_logits).mean(), moving

        (discriminator_loss, moving), gradients = jax.value_and_grad(
            discriminator_loss_of, has_aux=True
        )(state["d"])
        state["d_moving"] = moving
        state["d"], state["d_adam"] = adam(
            state["d"], state["d_adam"], gradients, *settings
        )

        def generator_loss_of(g):
            fake, g_moving = dcgan_generator(g, state["g_moving"], noise[1])
            logits, d_moving = dcgan_discriminator(
                state["d"], state["d_moving"], fake
            )
            return jax.nn.softplus(-logits).mean(), (g_moving, d_moving)

        (generator_loss, moving), gradients = jax.value_and_grad(
            generator_loss_of, has_aux=True
        )(state["g"])
        state["g_moving"], state["d_moving"] = moving
        state["g"], state["g_adam"] = adam(
            state["g"], state["g_adam"], gradients, *settings
        )
        return state, (discriminator_loss, generator_loss)


def wgan_generator(params, z):
    w, b, w1, b1, w2, b2, w3, b3 = params
    x = jax.nn.relu(z @ w + b).reshape(len(z), 4, 4, -1)
    x = jax.nn.relu(conv_transpose(x, w1, b1)[:, :7, :7])
    x = jax.nn.relu(conv_transpose(x, w2, b2))
    return jax.nn.sigmoid(conv_transpose(x, w3, b3))


def wgan_critic(params, x):
    for i in range(3):
        x = leaky_relu(conv(x, params[2 * i], params[2 * i + 1]))
    return (x.reshape(len(x), -1) @ params[6] + params[7])[:, 0]


class WGANGPLoop(Loop):
    names = (
        "critic_loss",
        "generator_loss",
        "wasserstein_estimate",
        "gradient_penalty",
        "gradient_norm",
    )

    def initial_state(self, weights):
        return {
            "g": weights["generator"],
            "g_adam": adam_state(weights["generator"]),
            "c": weights["critic"],
            "c_adam": adam_state(weights["critic"]),
        }

    def draw(self, key, size):
        steps, latent = self.sizes["critic_steps"], self.sizes["latent"]
        part = size // steps
        keys = iter(jax.random.split(key, 2 * steps + 1))
        noise = []
        for _ in range(steps):
            noise.append(jax.random.normal(next(keys), (part, latent)))
            noise.append(jax.random.uniform(next(keys), (part,)))
        return [*noise, jax.random.normal(next(keys), (part, latent))]

    def critic_update(self, state, real, z, position):
        fake = wgan_generator(state["g"], z)

        def loss_of(c):
            distance = wgan_critic(c, real).mean() - wgan_critic(c, fake).mean()
            points = real + position[:, None, None, None] * (fake - real)
            gradients = jax.grad(lambda x: wgan_critic(c, x).sum())(points)
            norms = jnp.sqrt(jnp.square(gradients).sum((1, 2, 3)) + 1e-12)
            penalty = jnp.square(norms - 1.0).mean()
            loss = 10.0 * penalty - distance
            return loss, (loss, distance, penalty, norms.mean())

        gradients, logs = jax.grad(loss_of, has_aux=True)(state["c"])
        state["c"], state["c_adam"] = adam(
            state["c"], state["c_adam"], gradients, 1e-4, 0.0, 0.9, 1e-8
        )
        return jnp.stack(logs)

    def losses(self, state, x, noise):
        state = dict(state)
        steps = self.sizes["critic_steps"]
        logs = sum(
            self.critic_update(state, part, noise[2 * i], noise[2 * i + 1])
            for i, part in enumerate(jnp.split(x, steps))
        )

        def generator_loss_of(g):
            return -wgan_critic(state["c"], wgan_generator(g, noise[-1])).mean()

        generator_loss, gradients = jax.value_and_grad(generator_loss_of)(
            state["g"]
        )
        state["g"], state["g_adam"] = adam(
            state["g"], state["g_adam"], gradients, 1e-4, 0.0, 0.9, 1e-8
        )
        critic_loss, *others = logs / steps
        return state, (critic_loss, generator_loss, *others)


LOOPS = {"vae": VAELoop, "dcgan": DCGANLoop, "wgan_gp": WGANGPLoop}
