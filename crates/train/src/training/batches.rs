use std::sync::Arc;

use ffc_core::BatchForm;
use ffc_data::{
    Dataset, DualBatch, DualLoader, GroupBatch, GroupLoader, IdentityBatch, IdentityLoader,
    InstanceBatch, InstanceLoader, LoaderConfig,
};

use crate::trainer::StepImages;
use crate::{Error, Result};

/// The batches of a training, in the form that its head needs.
pub(super) enum Batches {
    Dual(DualLoader),
    Instances(InstanceLoader),
    Pairs(IdentityLoader),
    Groups(GroupLoader),
}

pub(super) enum Batch {
    Dual(DualBatch),
    Instances(InstanceBatch),
    Pairs(IdentityBatch),
    Groups(GroupBatch),
}

impl Batches {
    /// From step `first_step` on.
    pub(super) fn new(
        form: BatchForm,
        dataset: Arc<Dataset>,
        config: LoaderConfig,
        first_step: u64,
    ) -> Result<Self> {
        check_pictures(form, &dataset)?;
        Ok(match form {
            BatchForm::Dual => Self::Dual(DualLoader::new(dataset, config, first_step)?),
            BatchForm::Instances => {
                Self::Instances(InstanceLoader::new(dataset, config, first_step)?)
            }
            BatchForm::Pairs => Self::Pairs(IdentityLoader::new(dataset, config, first_step)?),
            BatchForm::Groups { images } => {
                let config = LoaderConfig {
                    group: images,
                    ..config
                };
                Self::Groups(GroupLoader::new(dataset, config, first_step)?)
            }
            form => {
                return Err(Error::Head {
                    problem: format!("needs batches that no loader makes: {form:?}"),
                });
            }
        })
    }

    /// The next batch. The loaders have no end.
    pub(super) fn next(&mut self) -> Result<Batch> {
        let batch = match self {
            Self::Dual(loader) => loader.next().map(|batch| batch.map(Batch::Dual)),
            Self::Instances(loader) => loader.next().map(|batch| batch.map(Batch::Instances)),
            Self::Pairs(loader) => loader.next().map(|batch| batch.map(Batch::Pairs)),
            Self::Groups(loader) => loader.next().map(|batch| batch.map(Batch::Groups)),
        };
        let ended = || ffc_data::Error::Workers("the loader ended too soon".into());
        Ok(batch.ok_or_else(ended)??)
    }
}

impl Batch {
    pub(super) fn images(&self) -> StepImages<'_> {
        match self {
            Self::Dual(batch) => batch.into(),
            Self::Instances(batch) => batch.into(),
            Self::Pairs(batch) => batch.into(),
            Self::Groups(batch) => batch.into(),
        }
    }
}

/// Refuses a set of single pictures for a head that compares pictures of one identity.
fn check_pictures(form: BatchForm, dataset: &Dataset) -> Result<()> {
    let compares = match form {
        BatchForm::Pairs => true,
        BatchForm::Groups { images } => images > 1,
        _ => false,
    };
    let index = dataset.index();
    if compares && index.images() == index.identities() {
        return Err(Error::setting(
            "data",
            format!(
                "{} with one picture of every identity",
                dataset.source().path().display()
            ),
            "a set with several pictures of an identity, which this head compares; heads ffc, full and partial need no more than one",
        ));
    }
    Ok(())
}
