use std::collections::HashSet;

use super::batch::{DualBatch, GroupBatch, IdentityBatch, ImageBatch, InstanceBatch};
use super::config::{DualRows, LoaderConfig};
use crate::index::Index;
use crate::order::{GroupOrder, IdentityOrder, InstanceOrder};
use crate::{Error, Result};

/// A picture to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The image.
    pub image: u64,
    /// Its identity.
    pub identity: u64,
    /// Epoch of the order that drew it.
    pub epoch: u64,
    /// Position in this epoch: with the epoch, what its augmentation depends on. Images of groups count one by one.
    pub position: u64,
    /// Number of the view: 0 instance, 1 and 2 the two images of an identity, 3 an image of a group.
    pub view: u64,
}

/// One row of a step: a picture for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The picture of the first side.
    pub x: View,
    /// The picture of the second side, if there are two.
    pub y: Option<View>,
    /// Whether both show the same identity and must go on doing so if one cannot be read.
    pub paired: bool,
}

/// What a step of a loader is made of: one of the four plans here. Its rows can be had without their pictures.
pub trait Plan: Sealed + Send + 'static {
    /// What the loader gives.
    type Batch: Send + 'static;
    /// Pictures a row: 1 or 2.
    const SIDES: usize;
    /// Whether the rows are groups of [`group`](LoaderConfig::group) rows that show one identity.
    const GROUPED: bool = false;

    /// # Errors
    /// If a setting is outside its range.
    fn check(config: &LoaderConfig) -> Result<()>;

    /// Items of an epoch.
    fn epoch_items(index: &Index, config: &LoaderConfig) -> u64;

    /// Items that one step takes over all ranks.
    fn step_items(config: &LoaderConfig) -> u64 {
        config.batch as u64 * config.ranks as u64
    }

    /// Steps until every item of an epoch was drawn once, rounded up.
    fn steps_per_epoch(index: &Index, config: &LoaderConfig) -> u64 {
        Self::epoch_items(index, config).div_ceil(Self::step_items(config))
    }

    /// Epoch of a step's first item over all ranks.
    fn epoch(index: &Index, config: &LoaderConfig, step: u64) -> u64 {
        step * Self::step_items(config) / Self::epoch_items(index, config)
    }

    /// Appends the rows of a step.
    ///
    /// # Errors
    /// If a setting is outside its range.
    fn plan(index: &Index, config: &LoaderConfig, step: u64, rows: &mut Vec<Row>) -> Result<()>;

    /// Makes the batch of the sides' pictures. None if a side is missing.
    fn batch(step: u64, epoch: u64, x: ImageBatch, y: Option<ImageBatch>) -> Option<Self::Batch>;
}

/// Every image once an epoch.
#[derive(Debug)]
pub struct InstancePlan;

/// Every identity once an epoch, two images each.
#[derive(Debug)]
pub struct IdentityPlan;

/// Both, arranged as the two sides of a step.
#[derive(Debug)]
pub struct DualPlan;

/// Groups: every identity once an epoch, [`group`](LoaderConfig::group) images each.
#[derive(Debug)]
pub struct GroupPlan;

/// No plan outside this crate: only a loader can make batches.
pub trait Sealed {}

impl Sealed for InstancePlan {}
impl Sealed for IdentityPlan {}
impl Sealed for DualPlan {}
impl Sealed for GroupPlan {}

/// Positions of this rank's share of a step, of which all ranks together take consecutive ones: part `part` of `parts`
/// equal parts, each cut into a piece of `piece` items for each rank.
fn positions(
    config: &LoaderConfig,
    step: u64,
    piece: usize,
    [part, parts]: [u64; 2],
) -> std::ops::Range<u64> {
    let (ranks, rank, piece) = (config.ranks as u64, config.rank as u64, piece as u64);
    let start = (step * parts + part) * ranks * piece + rank * piece;
    start..start + piece
}

/// Images at some positions.
fn instances(
    index: &Index,
    config: &LoaderConfig,
    positions: std::ops::Range<u64>,
) -> Result<Vec<View>> {
    let order = InstanceOrder::new(index, config.seed, config.order)?;
    let views = order.draws(positions).map(|draw| View {
        image: draw.image,
        identity: draw.identity,
        epoch: draw.epoch,
        position: draw.position,
        view: 0,
    });
    Ok(views.collect())
}

/// Identities at some positions, a row each.
fn identities(
    index: &Index,
    config: &LoaderConfig,
    positions: std::ops::Range<u64>,
    rows: &mut Vec<Row>,
) {
    let order = IdentityOrder::new(index, config.seed);
    rows.extend(order.draws(positions).map(|draw| {
        let view = |number: usize| View {
            image: draw.images[number],
            identity: draw.identity,
            epoch: draw.epoch,
            position: draw.position,
            view: number as u64 + 1,
        };
        Row {
            x: view(0),
            y: Some(view(1)),
            paired: true,
        }
    }));
}

/// Groups of one rank's batch.
fn groups(config: &LoaderConfig) -> u64 {
    (config.batch / config.group.max(1)) as u64
}

fn group_order<'a>(index: &'a Index, config: &LoaderConfig) -> GroupOrder<'a> {
    let step = GroupPlan::step_items(config);
    GroupOrder::new(index, config.seed, config.group, step)
}

/// Identities of a step's groups over all ranks.
pub(super) fn identities_of_step(index: &Index, config: &LoaderConfig, step: u64) -> HashSet<u64> {
    let items = GroupPlan::step_items(config);
    let order = group_order(index, config);
    let groups = order.identities(step * items..(step + 1) * items);
    groups.map(|(_, _, identity)| identity).collect()
}

impl Plan for InstancePlan {
    type Batch = InstanceBatch;
    const SIDES: usize = 1;

    fn check(_: &LoaderConfig) -> Result<()> {
        Ok(())
    }

    fn epoch_items(index: &Index, _: &LoaderConfig) -> u64 {
        index.images()
    }

    fn plan(index: &Index, config: &LoaderConfig, step: u64, rows: &mut Vec<Row>) -> Result<()> {
        let views = instances(index, config, positions(config, step, config.batch, [0, 1]))?;
        rows.extend(views.into_iter().map(|x| Row {
            x,
            y: None,
            paired: false,
        }));
        Ok(())
    }

    fn batch(
        step: u64,
        epoch: u64,
        images: ImageBatch,
        _: Option<ImageBatch>,
    ) -> Option<InstanceBatch> {
        Some(InstanceBatch {
            step,
            epoch,
            images,
        })
    }
}

impl Plan for IdentityPlan {
    type Batch = IdentityBatch;
    const SIDES: usize = 2;

    fn check(_: &LoaderConfig) -> Result<()> {
        Ok(())
    }

    fn epoch_items(index: &Index, _: &LoaderConfig) -> u64 {
        index.identities()
    }

    fn plan(index: &Index, config: &LoaderConfig, step: u64, rows: &mut Vec<Row>) -> Result<()> {
        identities(
            index,
            config,
            positions(config, step, config.batch, [0, 1]),
            rows,
        );
        Ok(())
    }

    fn batch(step: u64, epoch: u64, a: ImageBatch, b: Option<ImageBatch>) -> Option<IdentityBatch> {
        Some(IdentityBatch {
            step,
            epoch,
            a,
            b: b?,
        })
    }
}

impl Plan for DualPlan {
    type Batch = DualBatch;
    const SIDES: usize = 2;

    fn check(config: &LoaderConfig) -> Result<()> {
        if config.batch.is_multiple_of(2) {
            return Ok(());
        }
        Err(Error::Setting {
            setting: "batch",
            value: config.batch.to_string(),
            expected: "even, for the dual loader cuts the instance batch into halves",
        })
    }

    fn epoch_items(index: &Index, config: &LoaderConfig) -> u64 {
        match config.dual {
            DualRows::Both | DualRows::Instance => index.images(),
            DualRows::Identity => index.identities(),
        }
    }

    fn step_items(config: &LoaderConfig) -> u64 {
        let (pairs, instances) = config.dual.of_a_side(config.batch);
        let items = match config.dual {
            DualRows::Both | DualRows::Instance => 2 * instances,
            DualRows::Identity => pairs,
        };
        (items * config.ranks) as u64
    }

    fn plan(index: &Index, config: &LoaderConfig, step: u64, rows: &mut Vec<Row>) -> Result<()> {
        let (pairs, halves) = config.dual.of_a_side(config.batch);
        identities(index, config, positions(config, step, pairs, [0, 1]), rows);
        let first = instances(index, config, positions(config, step, halves, [0, 2]))?;
        let second = instances(index, config, positions(config, step, halves, [1, 2]))?;
        rows.extend(first.into_iter().zip(second).map(|(x, y)| Row {
            x,
            y: Some(y),
            paired: false,
        }));
        Ok(())
    }

    fn batch(step: u64, epoch: u64, x: ImageBatch, y: Option<ImageBatch>) -> Option<DualBatch> {
        Some(DualBatch {
            step,
            epoch,
            x,
            y: y?,
        })
    }
}

impl Plan for GroupPlan {
    type Batch = GroupBatch;
    const SIDES: usize = 1;
    const GROUPED: bool = true;

    fn check(config: &LoaderConfig) -> Result<()> {
        if config.batch.is_multiple_of(config.group) {
            return Ok(());
        }
        Err(Error::Setting {
            setting: "group",
            value: config.group.to_string(),
            expected: "a divisor of the batch, whose rows are whole groups",
        })
    }

    fn epoch_items(index: &Index, _: &LoaderConfig) -> u64 {
        index.identities()
    }

    fn step_items(config: &LoaderConfig) -> u64 {
        groups(config) * config.ranks as u64
    }

    fn plan(index: &Index, config: &LoaderConfig, step: u64, rows: &mut Vec<Row>) -> Result<()> {
        Self::check(config)?;
        let groups = groups(config);
        let start = step * Self::step_items(config) + config.rank as u64 * groups;
        let draws = group_order(index, config).draws(start..start + groups);
        rows.extend(draws.into_iter().map(|draw| Row {
            x: View {
                image: draw.image,
                identity: draw.identity,
                epoch: draw.epoch,
                position: draw.position * config.group as u64 + draw.number,
                view: 3,
            },
            y: None,
            paired: false,
        }));
        Ok(())
    }

    fn batch(
        step: u64,
        epoch: u64,
        images: ImageBatch,
        _: Option<ImageBatch>,
    ) -> Option<GroupBatch> {
        Some(GroupBatch {
            step,
            epoch,
            images,
        })
    }
}
