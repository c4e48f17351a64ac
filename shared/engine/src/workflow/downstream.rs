//! What depends on a node: a rerun from it makes all of that anew.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Body, Workflow};

/// A node, and every node that an edge leads to from it.
#[derive(Debug, Clone, Default)]
pub struct Downstream {
    ids: HashSet<Arc<str>>,
}

impl Downstream {
    /// Whether the call at this place is one of a node in it. A place begins with the iterations
    /// around its node, as in `chapters[2]/write/turn2`.
    pub fn covers(&self, place: &str) -> bool {
        for segment in place.split('/') {
            let (id, is_iteration) =
                segment.split_once('[').map_or((segment, false), |(id, _)| (id, true));
            if self.ids.contains(id) {
                return true;
            }
            if !is_iteration {
                return false;
            }
        }
        false
    }
}

impl Workflow {
    /// Finds a node by id or name, and what depends on it. Of a node inside a loop, that is the
    /// rest of each iteration, and what depends on the loop.
    pub fn downstream(&self, node: &str) -> Option<Downstream> {
        let id = &self.find_node(node)?.id;
        let (mut body, index) = self.place_of(id)?;
        let mut ids = HashSet::new();
        self.bodies[body].follow(index, &mut ids);
        while let Some((outer, container)) = self.container_of(body) {
            // The loop itself goes on with what its iterations keep.
            for edge in &self.bodies[outer].nodes[container].edges {
                self.bodies[outer].follow(edge.to, &mut ids);
            }
            body = outer;
        }
        Some(Downstream { ids })
    }

    /// The list of nodes that has the node, and its index there.
    pub(crate) fn place_of(&self, id: &str) -> Option<(usize, usize)> {
        self.bodies.iter().enumerate().find_map(|(number, body)| {
            let index = body.nodes.iter().position(|node| &*node.id == id)?;
            Some((number, index))
        })
    }

    /// The node whose iterations run the list.
    fn container_of(&self, inner: usize) -> Option<(usize, usize)> {
        self.bodies.iter().enumerate().find_map(|(number, body)| {
            let index = body.nodes.iter().position(|node| node.inner == Some(inner))?;
            Some((number, index))
        })
    }
}

impl Body {
    /// Adds a node and what its edges lead to.
    fn follow(&self, index: usize, ids: &mut HashSet<Arc<str>>) {
        let mut ahead = vec![index];
        while let Some(index) = ahead.pop() {
            let node = &self.nodes[index];
            if ids.insert(Arc::clone(&node.id)) {
                ahead.extend(node.edges.iter().map(|edge| edge.to));
            }
        }
    }
}
