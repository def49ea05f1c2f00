use crate::backbone::BackboneConfig;
use crate::network::{
    IResNetConfig, IrBottleneckConfig, IrVariant, MbfConfig, MobileFaceNetConfig, ResNetConfig,
    VitConfig,
};
use crate::weights::Preprocessing;

/// A network whose weights others publish, and what is done to its pictures. Their files tell neither.
///
/// ```
/// use ffc_model::Published;
///
/// let published = Published::named("arcface-r50").unwrap();
/// assert_eq!(published.preprocessing, ffc_model::Preprocessing::ARCFACE);
/// assert_eq!((published.network)().embedding(), 512);
/// ```
#[derive(Debug, Clone)]
pub struct Published {
    /// The name it goes by here.
    pub name: &'static str,
    /// Whose weights, and which.
    pub weights: &'static str,
    /// The network.
    pub network: fn() -> BackboneConfig,
    /// What is done to its pictures.
    pub preprocessing: Preprocessing,
}

impl Published {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::new("arcface-r18", "insightface arcface_torch r18", || {
            iresnet(18)
        }),
        Self::new("arcface-r34", "insightface arcface_torch r34", || {
            iresnet(34)
        }),
        Self::new(
            "arcface-r50",
            "insightface arcface_torch r50, w600k_r50.onnx; ModelScope cv_ir50_face-recognition_arcface",
            || iresnet(50),
        ),
        Self::new(
            "arcface-r100",
            "insightface arcface_torch r100, glintr100.onnx",
            || iresnet(100),
        ),
        Self::new("arcface-r200", "insightface arcface_torch r200", || {
            iresnet(200)
        }),
        Self::new(
            "arcface-mbf",
            "insightface arcface_torch mbf, w600k_mbf.onnx",
            || BackboneConfig::Mbf(MbfConfig::default()),
        ),
        Self::new(
            "arcface-mbf-large",
            "insightface arcface_torch mbf_large",
            || {
                BackboneConfig::Mbf(MbfConfig {
                    blocks: [2, 8, 12, 4],
                    scale: 4,
                    ..MbfConfig::default()
                })
            },
        ),
        Self::new("arcface-vit-t", "insightface arcface_torch vit_t", || {
            BackboneConfig::Vit(VitConfig::tiny())
        }),
        Self::new("arcface-vit-s", "insightface arcface_torch vit_s", || {
            BackboneConfig::Vit(VitConfig::small())
        }),
        Self::new("arcface-vit-b", "insightface arcface_torch vit_b", || {
            BackboneConfig::Vit(VitConfig::base())
        }),
        Self::new(
            "facemask",
            "ModelScope cv_resnet_face-recognition_facemask",
            || BackboneConfig::IrBottleneck(IrBottleneckConfig::default()),
        ),
        Self::new(
            "ir-se50",
            "InsightFace_Pytorch and face.evoLVe IR-SE-50",
            || ir([3, 4, 14, 3], IrVariant::InsightFacePytorch, true),
        ),
        Self::of_ffc("ffc-ir50", "FFC ir50", || iresnet(50)),
        Self::of_ffc("ffc-mobile", "FFC mobile", || {
            BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default())
        }),
        Self {
            name: "ffc-r50",
            weights: "FFC r50, pictures of 224 pixels",
            network: || BackboneConfig::Resnet50(ResNetConfig::default()),
            preprocessing: Preprocessing {
                height_px: 224,
                width_px: 224,
                ..Preprocessing::FFC
            },
        },
        Self::of_ada_face("adaface-ir18", "AdaFace ir_18", || {
            ir([2, 2, 2, 2], IrVariant::AdaFace, false)
        }),
        Self::of_ada_face("adaface-ir50", "AdaFace ir_50", || {
            ir([3, 4, 14, 3], IrVariant::AdaFace, false)
        }),
        Self::of_ada_face("adaface-ir101", "AdaFace ir_101", || {
            ir([3, 13, 30, 3], IrVariant::AdaFace, false)
        }),
        Self::new(
            "cvlface-ir101",
            "CVLface ir101 with color_space RGB",
            || ir([3, 13, 30, 3], IrVariant::AdaFace, false),
        ),
    ];

    /// The one of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[Published] = &Published::ALL;
        ALL.iter().find(|published| published.name == name)
    }

    const fn new(
        name: &'static str,
        weights: &'static str,
        network: fn() -> BackboneConfig,
    ) -> Self {
        Self {
            name,
            weights,
            network,
            preprocessing: Preprocessing::ARCFACE,
        }
    }

    const fn of_ffc(
        name: &'static str,
        weights: &'static str,
        network: fn() -> BackboneConfig,
    ) -> Self {
        Self {
            preprocessing: Preprocessing::FFC,
            ..Self::new(name, weights, network)
        }
    }

    const fn of_ada_face(
        name: &'static str,
        weights: &'static str,
        network: fn() -> BackboneConfig,
    ) -> Self {
        Self {
            preprocessing: Preprocessing::ADA_FACE,
            ..Self::new(name, weights, network)
        }
    }
}

fn iresnet(depth: usize) -> BackboneConfig {
    BackboneConfig::Iresnet(IResNetConfig {
        depth,
        ..IResNetConfig::default()
    })
}

fn ir(blocks: [usize; 4], variant: IrVariant, squeeze: bool) -> BackboneConfig {
    BackboneConfig::IrBottleneck(IrBottleneckConfig {
        variant,
        squeeze,
        blocks,
        ..IrBottleneckConfig::default()
    })
}
