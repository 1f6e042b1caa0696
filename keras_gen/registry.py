"""All systems of the package, one row each.

README's table, `card`, the recipes, the tests and the command line are made
from these rows or checked against them.
"""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class System:
    """One row of the registry.

    Attributes:
        name: String. The name in files, recipes and exports.
        class_name: String. Its class.
        module: String. The module of the class, inside `keras_gen.models`.
        paper: String. Authors and year.
        url: String. Where the paper is.
        family: String. `"autoencoder"`, `"vae"` or `"gan"`.
        data: String. What `fit` takes.
        variants: Tuple. Further classes of the module.
    """

    name: str
    class_name: str
    module: str
    paper: str
    url: str
    family: str
    data: str
    variants: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of all classes, the system's own first."""
        return (self.class_name, *self.variants)

    def load(self, class_name: str | None = None) -> type:
        """Imports a class of the system, by default its own."""
        module = importlib.import_module(f"keras_gen.models.{self.module}")
        return getattr(module, class_name or self.class_name)


# fmt: off
SYSTEMS = (
    System("ae", "AE", "autoencoders.ae", "Hinton and Salakhutdinov, 2006", "https://doi.org/10.1126/science.1127647", "autoencoder", "image", ("RBM",)),
    System("dae", "DAE", "autoencoders.dae", "Vincent et al., 2008", "https://doi.org/10.1145/1390156.1390294", "autoencoder", "image", ("StackedDAE",)),
    System("sae", "SAE", "autoencoders.sae", "Ng, 2011", "https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf", "autoencoder", "image", ("KSparseAE",)),
    System("cae", "CAE", "autoencoders.cae", "Rifai et al., 2011", "https://icml.cc/2011/papers/455_icmlpaper.pdf", "autoencoder", "image", ("StackedCAE",)),
    System("aae", "AAE", "autoencoders.aae", "Makhzani et al., 2015", "https://arxiv.org/abs/1511.05644", "autoencoder", "image (label)", ("LabelPriorAAE", "SupervisedAAE", "SemiSupervisedAAE", "ClusteringAAE", "DimReductionAAE")),
    System("dc_ign", "DCIGN", "vaes.dc_ign", "Kulkarni et al., 2015", "https://arxiv.org/abs/1503.03167", "autoencoder", "images of one varying factor"),
    System("vae", "VAE", "vaes.vae", "Kingma and Welling, 2014", "https://arxiv.org/abs/1312.6114", "vae", "image"),
    System("cvae", "CVAE", "vaes.cvae", "Sohn et al., 2015", "https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html", "vae", "condition and output"),
    System("elbo", "RateDistortionVAE", "vaes.elbo", "Alemi et al., 2018", "https://arxiv.org/abs/1711.00464", "vae", "image"),
    System("ladder_vae", "LadderVAE", "vaes.ladder_vae", "Sonderby et al., 2016", "https://arxiv.org/abs/1602.02282", "vae", "image"),
    System("beta_vae", "BetaVAE", "vaes.beta_vae", "Higgins et al., 2017", "https://openreview.net/forum?id=Sy2fzU9gl", "vae", "image"),
    System("semi_vae", "SemiVAE", "vaes.semi_vae", "Kingma et al., 2014", "https://arxiv.org/abs/1406.5298", "vae", "image, some labels"),
    System("factor_vae", "FactorVAE", "vaes.factor_vae", "Kim and Mnih, 2018", "https://arxiv.org/abs/1802.05983", "vae", "image"),
    System("beta_tcvae", "BetaTCVAE", "vaes.beta_tcvae", "Chen et al., 2018", "https://arxiv.org/abs/1802.04942", "vae", "image"),
    System("dip_vae", "DIPVAE", "vaes.dip_vae", "Kumar et al., 2018", "https://arxiv.org/abs/1711.00848", "vae", "image"),
    System("info_vae", "InfoVAE", "vaes.info_vae", "Zhao et al., 2019", "https://arxiv.org/abs/1706.02262", "vae", "image"),
    System("s_vae", "SVAE", "vaes.s_vae", "Davidson et al., 2018", "https://arxiv.org/abs/1804.00891", "vae", "image"),
    System("ml_vae", "MLVAE", "vaes.ml_vae", "Bouchacourt et al., 2018", "https://arxiv.org/abs/1705.08841", "vae", "image, group"),
    System("gan", "GAN", "gans.gan", "Goodfellow et al., 2014", "https://arxiv.org/abs/1406.2661", "gan", "image"),
    System("cgan", "CGAN", "gans.cgan", "Mirza and Osindero, 2014", "https://arxiv.org/abs/1411.1784", "gan", "image, label or vector"),
    System("dcgan", "DCGAN", "gans.dcgan", "Radford et al., 2016", "https://arxiv.org/abs/1511.06434", "gan", "image"),
    System("catgan", "CatGAN", "gans.catgan", "Springenberg, 2016", "https://arxiv.org/abs/1511.06390", "gan", "image, some labels or none"),
    System("improved_gan", "ImprovedGAN", "gans.improved_gan", "Salimans et al., 2016", "https://arxiv.org/abs/1606.03498", "gan", "image, some labels"),
    System("infogan", "InfoGAN", "gans.infogan", "Chen et al., 2016", "https://arxiv.org/abs/1606.03657", "gan", "image"),
    System("ebgan", "EBGAN", "gans.ebgan", "Zhao et al., 2017", "https://arxiv.org/abs/1609.03126", "gan", "image"),
    System("acgan", "ACGAN", "gans.acgan", "Odena et al., 2017", "https://arxiv.org/abs/1610.09585", "gan", "image, some labels"),
    System("cogan", "CoGAN", "gans.cogan", "Liu and Tuzel, 2016", "https://arxiv.org/abs/1606.07536", "gan", "images of two domains"),
    System("triple_gan", "TripleGAN", "gans.triple_gan", "Li et al., 2017", "https://arxiv.org/abs/1703.02291", "gan", "image, some labels"),
    System("wgan", "WGAN", "gans.wgan", "Arjovsky et al., 2017", "https://arxiv.org/abs/1701.07875", "gan", "image"),
    System("wgan_gp", "WGANGP", "gans.wgan_gp", "Gulrajani et al., 2017", "https://arxiv.org/abs/1704.00028", "gan", "image (label)"),
    System("sngan", "SNGAN", "gans.sngan", "Miyato et al., 2018", "https://arxiv.org/abs/1802.05957", "gan", "image (label)"),
    System("pix2pix", "Pix2Pix", "gans.pix2pix", "Isola et al., 2017", "https://arxiv.org/abs/1611.07004", "gan", "pairs of images"),
    System("cyclegan", "CycleGAN", "gans.cyclegan", "Zhu et al., 2017", "https://arxiv.org/abs/1703.10593", "gan", "images of two domains"),
    System("discogan", "DiscoGAN", "gans.discogan", "Kim et al., 2017", "https://arxiv.org/abs/1703.05192", "gan", "examples of two domains"),
    System("stargan", "StarGAN", "gans.stargan", "Choi et al., 2018", "https://arxiv.org/abs/1711.09020", "gan", "image, attributes or label"),
    System("context_encoder", "ContextEncoder", "gans.context_encoder", "Pathak et al., 2016", "https://arxiv.org/abs/1604.07379", "gan", "image"),
    System("bicyclegan", "BicycleGAN", "gans.bicyclegan", "Zhu et al., 2017", "https://arxiv.org/abs/1711.11586", "gan", "pairs of images"),
    System("simgan", "SimGAN", "gans.simgan", "Shrivastava et al., 2017", "https://arxiv.org/abs/1612.07828", "gan", "synthetic and real images"),
    System("segan", "SEGAN", "gans.segan", "Pascual et al., 2017", "https://arxiv.org/abs/1703.09452", "gan", "noisy and clean signals"),
    System("lsgan", "LSGAN", "gans.lsgan", "Mao et al., 2017", "https://arxiv.org/abs/1611.04076", "gan", "image (label)"),
)
# fmt: on

BY_NAME = {system.name: system for system in SYSTEMS}
BY_CLASS = {name: system for system in SYSTEMS for name in system.classes}
