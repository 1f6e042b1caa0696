"""Plain TensorFlow: `tf.function`, `tf.nn`, and the fused training kernels.

Batch normalization is `FusedBatchNormV3`, Adam is `ResourceApplyAdam`.
"""

import tensorflow as tf


def conv(x, kernel, bias=None):
    y = tf.nn.conv2d(x, kernel, 2, "SAME")
    return y if bias is None else tf.nn.bias_add(y, bias)


def conv_transpose(x, kernel, bias=None):
    """The kernel is (height, width, out, in), as in the forward direction."""
    batch, height, width, _ = x.shape
    shape = (batch, 2 * height, 2 * width, kernel.shape[2])
    y = tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")
    return y if bias is None else tf.nn.bias_add(y, bias)


def batch_norm(x, scale, offset, mean, variance):
    """Normalizes by the batch and moves the running statistics."""
    shape = x.shape
    if len(shape) == 2:
        x = x[:, None, None, :]
    y, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
        x, scale, offset, epsilon=1e-5, is_training=True
    )
    mean.assign_sub(0.1 * (mean - batch_mean))
    variance.assign_sub(0.1 * (variance - batch_variance))
    return tf.reshape(y, shape)


def leaky_relu(x):
    return tf.nn.leaky_relu(x, 0.2)


class Adam:
    def __init__(self, params, lr, b1, b2, eps):
        self.params = params
        self.settings = (lr, b1, b2, eps)
        self.powers = [tf.Variable(b1), tf.Variable(b2)]
        self.moments = [
            [tf.Variable(tf.zeros_like(p)) for _ in range(2)] for p in params
        ]

    def apply(self, gradients):
        powers = [power.read_value() for power in self.powers]
        for p, (m, v), g in zip(
            self.params, self.moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=p.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self.settings[0],
                beta1=self.settings[1],
                beta2=self.settings[2],
                epsilon=self.settings[3],
                grad=g,
            )
        for power, decay in zip(self.powers, self.settings[1:3], strict=True):
            power.assign(power * decay)


def dataset(x, batch_size):
    """Shuffled batches, as both sides are given them."""
    slices = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x))
    return slices.batch(batch_size).prefetch(tf.data.AUTOTUNE)


class Loop:
    """One model, its variables and its epoch."""

    names = ("loss",)

    def __init__(self, weights, sizes, jit_compile=False):
        self.sizes = sizes
        self.sums = tf.Variable(tf.zeros(len(self.names)))
        self.build(
            {
                name: [tf.Variable(array) for array in arrays]
                for name, arrays in weights.items()
            }
        )
        self._update = tf.function(self.losses, jit_compile=jit_compile)
        self._step = tf.function(
            self.step, jit_compile=jit_compile, reduce_retracing=True
        )

    def update(self, x, noise):
        noise = [tf.constant(n) for n in noise]
        values = self._update(tf.constant(x), noise)
        return dict(zip(self.names, map(float, values), strict=True))

    def step(self, x):
        values = self.losses(x, self.draw(x.shape[0]))
        self.sums.assign_add(tf.stack(values))

    def train(self, batches):
        self.sums.assign(tf.zeros_like(self.sums))
        count = 0
        for x in batches:
            self._step(tf.convert_to_tensor(x))
            count += 1
        means = (self.sums / count).numpy().tolist()
        return dict(zip(self.names, means, strict=True))


def parameters(arrays, norms=()):
    """The arrays without the moving statistics of the norms."""
    moving = {index for start in norms for index in (start + 2, start + 3)}
    return [a for i, a in enumerate(arrays) if i not in moving]


class VAELoop(Loop):
    names = ("loss", "reconstruction_loss", "kl_divergence")

    def build(self, weights):
        self.params = [*weights["encoder"], *weights["decoder"]]
        self.adam = Adam(self.params, 1e-3, 0.9, 0.999, 1e-7)

    def draw(self, size):
        return [tf.random.normal((size, self.sizes["latent"]))]

    def losses(self, x, noise):
        with tf.GradientTape() as tape:
            w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = self.params
            h = tf.tanh(tf.nn.bias_add(x @ w1, b1))
            mean = tf.nn.bias_add(h @ w2, b2)
            log_variance = tf.nn.bias_add(h @ w3, b3)
            eps = tf.reshape(noise[0], mean.shape)
            z = mean + tf.exp(0.5 * log_variance) * eps
            h = tf.tanh(tf.nn.bias_add(z @ w4, b4))
            logits = tf.nn.bias_add(h @ w5, b5)
            size = float(x.shape[0])
            reconstruction = tf.reduce_sum(
                tf.nn.sigmoid_cross_entropy_with_logits(x, logits)
            )
            kl = mean**2 + tf.exp(log_variance) - 1.0 - log_variance
            reconstruction = reconstruction / size
            kl = 0.5 * tf.reduce_sum(kl) / size
            loss = reconstruction + kl
        self.adam.apply(tape.gradient(loss, self.params))
        return loss, reconstruction, kl


class DCGANLoop(Loop):
    names = ("discriminator_loss", "generator_loss")

    def build(self, weights):
        self.g, self.d = weights["generator"], weights["discriminator"]
        settings = (2e-4, 0.5, 0.999, 1e-8)
        self.g_adam = Adam(parameters(self.g, norms=(1, 6)), *settings)
        self.d_adam = Adam(parameters(self.d, norms=(2,)), *settings)

    def draw(self, size):
        shape = (size, self.sizes["latent"])
        return [tf.random.uniform(shape, -1.0, 1.0) for _ in range(2)]

    def generator(self, z):
        project, up, image = self.g[0], self.g[5], self.g[10]
        x = tf.nn.relu(batch_norm(z @ project, *self.g[1:5]))
        x = conv_transpose(tf.reshape(x, (z.shape[0], 7, 7, -1)), up)
        x = tf.nn.relu(batch_norm(x, *self.g[6:10]))
        return tf.tanh(conv_transpose(x, image))

    def discriminator(self, x):
        first, second, logit = self.d[0], self.d[1], self.d[6]
        x = conv(leaky_relu(conv(x, first)), second)
        x = leaky_relu(batch_norm(x, *self.d[2:6]))
        return tf.squeeze(tf.reshape(x, (x.shape[0], -1)) @ logit, 1)

    def losses(self, x, noise):
        fake = self.generator(noise[0])
        params = self.d_adam.params
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(params)
            discriminator_loss = tf.reduce_mean(
                tf.nn.softplus(-self.discriminator(x))
            ) + tf.reduce_mean(tf.nn.softplus(self.discriminator(fake)))
        self.d_adam.apply(tape.gradient(discriminator_loss, params))

        params = self.g_adam.params
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(params)
            fake = self.generator(noise[1])
            generator_loss = tf.reduce_mean(
                tf.nn.softplus(-self.discriminator(fake))
            )
        self.g_adam.apply(tape.gradient(generator_loss, params))
        return discriminator_loss, generator_loss


class WGANGPLoop(Loop):
    names = (
        "critic_loss",
        "generator_loss",
        "wasserstein_estimate",
        "gradient_penalty",
        "gradient_norm",
    )

    def build(self, weights):
        settings = (1e-4, 0.0, 0.9, 1e-8)
        self.g_adam = Adam(weights["generator"], *settings)
        self.c_adam = Adam(weights["critic"], *settings)

    def draw(self, size):
        steps = self.sizes["critic_steps"]
        latents = (size // steps, self.sizes["latent"])
        noise = []
        for _ in range(steps):
            noise.append(tf.random.normal(latents))
            noise.append(tf.random.uniform(latents[:1]))
        return [*noise, tf.random.normal(latents)]

    def generator(self, z):
        w, b, w1, b1, w2, b2, w3, b3 = self.g_adam.params
        x = tf.nn.relu(tf.nn.bias_add(z @ w, b))
        x = tf.reshape(x, (z.shape[0], 4, 4, -1))
        x = tf.nn.relu(conv_transpose(x, w1, b1)[:, :7, :7])
        x = tf.nn.relu(conv_transpose(x, w2, b2))
        return tf.sigmoid(conv_transpose(x, w3, b3))

    def critic(self, x):
        params = self.c_adam.params
        for i in range(3):
            x = leaky_relu(conv(x, params[2 * i], params[2 * i + 1]))
        x = tf.reshape(x, (x.shape[0], -1))
        return tf.squeeze(tf.nn.bias_add(x @ params[6], params[7]), 1)

    def critic_update(self, real, z, position):
        fake = self.generator(z)
        params = self.c_adam.params
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(params)
            distance = tf.reduce_mean(self.critic(real))
            distance -= tf.reduce_mean(self.critic(fake))
            points = real + position[:, None, None, None] * (fake - real)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(points)
                scores = self.critic(points)
            gradients = inner.gradient(scores, points)
            squares = tf.reduce_sum(tf.square(gradients), (1, 2, 3))
            norms = tf.sqrt(squares + 1e-12)
            penalty = tf.reduce_mean(tf.square(norms - 1.0))
            loss = 10.0 * penalty - distance
        self.c_adam.apply(tape.gradient(loss, params))
        return tf.stack([loss, distance, penalty, tf.reduce_mean(norms)])

    def losses(self, x, noise):
        steps = self.sizes["critic_steps"]
        logs = tf.add_n(
            [
                self.critic_update(part, noise[2 * i], noise[2 * i + 1])
                for i, part in enumerate(tf.split(x, steps))
            ]
        )
        params = self.g_adam.params
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(params)
            scores = self.critic(self.generator(noise[-1]))
            generator_loss = -tf.reduce_mean(scores)
        self.g_adam.apply(tape.gradient(generator_loss, params))
        critic_loss, *others = tf.unstack(logs / steps)
        return critic_loss, generator_loss, *others


LOOPS = {"vae": VAELoop, "dcgan": DCGANLoop, "wgan_gp": WGANGPLoop}
