use crate::space::walk::{Place, PlacedLayer, walk};
use crate::space::{Child, Layer, LayerShape, Network, ParameterLayout, SearchSpace, Shape, SpaceError};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A search space in which every number is allowed, with the layout of its shared tensors. Cheap to clone.
///
/// ```
/// use nestling_core::space::SearchSpace;
/// let space = SearchSpace::fashion().validated()?;
/// let network = space.lower(&space.biggest())?;
/// assert_eq!(network.cost().params, space.layout().len() as u64);
/// # Ok::<(), nestling_core::space::SpaceError>(())
/// ```
#[derive(Clone)]
pub struct ValidatedSpace(Arc<Shared>);

struct Shared {
    space: SearchSpace,
    layout: ParameterLayout,
    /// The layers of the biggest child, in order.
    slots: Vec<Slot>,
    kinds: Vec<LayerShape>,
}

/// A layer of the supernet.
struct Slot {
    place: Place,
    name: Arc<str>,
    /// Index into the layout's convolutions.
    convolution: Option<usize>,
}

impl ValidatedSpace {
    /// Lays out the shared tensors and collects the kinds of layers. The numbers of the space must have been checked.
    pub(super) fn new(space: SearchSpace) -> Result<Self, SpaceError> {
        let mut layout = ParameterLayout::default();
        let mut slots = Vec::new();
        walk(&space, &space.last_choices(), |layer| {
            let name: Arc<str> = layer.place.to_string().into();
            let shape = &layer.shape;
            let convolution = (shape.operator.row().has_weights)
                .then(|| layout.push(Arc::clone(&name), shape, layer.residual.is_some()));
            slots.push(Slot { place: layer.place, name, convolution });
            Ok(())
        })?;
        let kinds = layer_kinds(&space)?;
        Ok(Self(Arc::new(Shared { space, layout, slots, kinds })))
    }

    /// The space as plain data.
    pub fn definition(&self) -> &SearchSpace {
        &self.0.space
    }

    /// Every shared tensor at its full size.
    pub fn layout(&self) -> &ParameterLayout {
        &self.0.layout
    }

    /// Lowers a child: derives every layer, shape and slice. All readers of a child read this.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] if the space does not offer the child.
    pub fn lower(&self, child: &Child) -> Result<Network, SpaceError> {
        self.check(child)?;
        let Shared { space, slots, .. } = &*self.0;
        let mut layers = Vec::with_capacity(slots.len());
        // A child's layers follow each other as in the biggest child, so that one pass finds all their slots.
        let mut ahead = slots.iter();
        walk(space, child, |layer| {
            let PlacedLayer { place, shape, padding, norm_epsilon, input, gate, residual } = layer;
            let slot = ahead.find(|slot| slot.place == place).ok_or_else(|| SpaceError::Invalid {
                space: space.name.clone(),
                place: place.to_string(),
                problem: format!("of child `{child}` is not a layer of the biggest child"),
            })?;
            let (name, convolution) = (Arc::clone(&slot.name), slot.convolution);
            layers.push(Layer { name, shape, padding, convolution, norm_epsilon, input, gate, residual });
            Ok(())
        })?;
        let input = Shape { channels: space.input_channels, height: child.resolution, width: child.resolution };
        Ok(Network { child: child.clone(), input, layers })
    }

    /// One layer of each kind that any child has. Two layers are of one kind if they differ in nothing but their sizes.
    pub fn layer_kinds(&self) -> &[LayerShape] {
        &self.0.kinds
    }
}

/// One layer of each kind, from a walk of the covering children.
fn layer_kinds(space: &SearchSpace) -> Result<Vec<LayerShape>, SpaceError> {
    let mut kinds = BTreeMap::new();
    for child in covering_children(space) {
        walk(space, &child, |layer| {
            kinds.entry(layer.shape.kind()).or_insert(layer.shape);
            Ok(())
        })?;
    }
    Ok(kinds.into_values().collect())
}

/// A few children that together have every kind of layer. Full depth shows every block; each kernel size comes with the
/// smallest and with the largest expand ratios.
fn covering_children(space: &SearchSpace) -> Vec<Child> {
    let kernel_choices = space.stages.iter().map(|stage| stage.kernels.len()).max().unwrap_or(1);
    let mut children = Vec::new();
    for index in 0..kernel_choices {
        let mut largest = space.last_choices();
        for (choice, stage) in largest.stages.iter_mut().zip(&space.stages) {
            choice.kernel = stage.kernels[index.min(stage.kernels.len() - 1)];
        }
        let mut smallest = largest.clone();
        for (choice, stage) in smallest.stages.iter_mut().zip(&space.stages) {
            choice.expand_ratio = stage.expand_ratios[0];
        }
        children.extend([smallest, largest]);
    }
    children
}

impl Deref for ValidatedSpace {
    type Target = SearchSpace;

    fn deref(&self) -> &SearchSpace {
        &self.0.space
    }
}

impl fmt::Debug for ValidatedSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.space.fmt(f)
    }
}

/// The layout follows from the definition.
impl PartialEq for ValidatedSpace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.space == other.0.space
    }
}

impl TryFrom<SearchSpace> for ValidatedSpace {
    type Error = SpaceError;

    fn try_from(space: SearchSpace) -> Result<Self, SpaceError> {
        space.validated()
    }
}
