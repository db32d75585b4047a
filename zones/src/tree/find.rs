//! Where a name falls in a zone (RFC 1034 section 4.3.2 step 3, RFC 4592 section 3.3.1).

use halfmoon_wire::{Name, SuffixHashes, hash_name};

use super::{CUT, DNAME, HASHED, NONE, Node, OCCLUDED, WILDCARD_CHILD, Zone};

/// What a zone has at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position<'z> {
    /// At or below a zone cut: the topmost one. `at` tells whether the name is the cut's owner.
    Cut {
        /// The delegation point.
        cut: Node<'z>,
        /// The name is the delegation point itself.
        at: bool,
    },
    /// Below a DNAME: the topmost one.
    Below(Node<'z>),
    /// The name exists, perhaps without any record.
    Exact(Node<'z>),
    /// The name does not exist and this wildcard is the source of synthesis.
    Wildcard(Node<'z>),
    /// The name does not exist; this is its closest encloser.
    Missing(Node<'z>),
}

impl Zone {
    /// Finds a name at or below the apex. `hashes` are those of `name`.
    #[must_use]
    pub fn find(&self, name: Name<'_>, hashes: &SuffixHashes) -> Position<'_> {
        let depth = hashes.label_count();
        let deepest = depth.min(usize::from(self.most_labels));
        // No name that has more labels than any owner exists: the walk starts where one could.
        for labels in (self.apex_labels() + 1..=deepest).rev() {
            if let Some(id) = self.lookup(name, hashes, labels)
                && self.nodes[id as usize].flags & HASHED == 0
            {
                return self.position(Node { zone: self, id }, name, hashes, labels);
            }
        }
        self.position(self.apex_node(), name, hashes, self.apex_labels())
    }

    /// The same of a name that may be that of node `id`; `None` if it is not, or no question is answered from there.
    pub(crate) fn position_at(&self, id: u32, name: Name<'_>) -> Option<Position<'_>> {
        let data = self.nodes.get(id as usize)?;
        if data.flags & HASHED != 0 || !self.is_named(id, name.as_wire()) {
            return None;
        }
        let node = Node { zone: self, id };
        Some(match data.flags & (OCCLUDED | CUT) {
            0 => Position::Exact(node),
            CUT => Position::Cut { cut: node, at: true },
            _ => self.covering(node),
        })
    }

    /// The node with this very name, hidden by a cut or not; not a matter of answering.
    #[must_use]
    pub fn named(&self, name: Name<'_>) -> Option<Node<'_>> {
        let id = self.table.find(hash_name(name), |id| self.is_named(id, name.as_wire()))?;
        Some(Node { zone: self, id })
    }

    /// The node of the ancestor of `name` with `labels` labels.
    fn lookup(&self, name: Name<'_>, hashes: &SuffixHashes, labels: usize) -> Option<u32> {
        let octets = name.as_wire().get(hashes.offset_of_suffix(labels, name)..)?;
        self.table.find(hashes.of_suffix(labels), |id| self.is_named(id, octets))
    }

    /// Whether the apex is this name in wire form.
    pub(crate) fn is_at_apex(&self, octets: &[u8]) -> bool {
        self.is_named(self.apex, octets)
    }

    fn is_named(&self, id: u32, octets: &[u8]) -> bool {
        let node = &self.nodes[id as usize];
        let start = node.name as usize;
        usize::from(node.name_length) == octets.len()
            && Name::from_known_wire(&self.data[start..start + octets.len()])
                == Name::from_known_wire(octets)
    }

    /// `node` is the deepest existing ancestor of `name`, or `name` itself.
    fn position(
        &self,
        node: Node<'_>,
        name: Name<'_>,
        hashes: &SuffixHashes,
        labels: usize,
    ) -> Position<'_> {
        let node = Node { zone: self, id: node.id };
        let exact = labels == hashes.label_count();
        if node.has(OCCLUDED) {
            return self.covering(node);
        }
        if node.has(CUT) {
            return Position::Cut { cut: node, at: exact };
        }
        if exact {
            return Position::Exact(node);
        }
        if node.has(DNAME) {
            return Position::Below(node);
        }
        if let Some(id) = self.wildcard_child(node.id, name, hashes, labels) {
            return Position::Wildcard(Node { zone: self, id });
        }
        Position::Missing(node)
    }

    /// The wildcard directly below node `id`, which is the ancestor of `name` with `labels` labels.
    fn wildcard_child(
        &self,
        id: u32,
        name: Name<'_>,
        hashes: &SuffixHashes,
        labels: usize,
    ) -> Option<u32> {
        if self.nodes[id as usize].flags & WILDCARD_CHILD == 0 {
            return None;
        }
        let parent = &name.as_wire()[hashes.offset_of_suffix(labels, name)..];
        self.table.find(hashes.of_child(labels, b"*"), |child| {
            let child = &self.nodes[child as usize];
            let start = child.name as usize;
            child.parent == id
                && usize::from(child.name_length) == parent.len() + 2
                && self.data[start..].starts_with(b"\x01*")
        })
    }

    /// The topmost cut or DNAME above an occluded node.
    fn covering(&self, node: Node<'_>) -> Position<'_> {
        let mut above = self.nodes[node.id as usize].parent;
        // A node that is not occluded itself and covers one is the topmost.
        while above != NONE {
            let data = &self.nodes[above as usize];
            if data.flags & OCCLUDED == 0 {
                if data.flags & CUT != 0 {
                    return Position::Cut { cut: Node { zone: self, id: above }, at: false };
                }
                if data.flags & DNAME != 0 {
                    return Position::Below(Node { zone: self, id: above });
                }
            }
            above = data.parent;
        }
        Position::Missing(self.apex_node())
    }

    /// The node whose addresses `name` has: its own, or those of the wildcard that makes it.
    /// `glue` tells whether names at or below a cut count.
    pub(crate) fn host(&self, name: Name<'_>, hashes: &mut SuffixHashes, glue: bool) -> u32 {
        if !name.is_at_or_below(self.apex()) {
            return NONE;
        }
        hashes.compute(name);
        match self.find(name, hashes) {
            Position::Exact(node) | Position::Wildcard(node) => node.id,
            Position::Cut { .. } if glue => self.glue(name, hashes),
            _ => NONE,
        }
    }

    /// The node below a cut that has the addresses of a host, by its name or as the wildcard that
    /// would make it if there were no cut: NSD and Knot take both for glue.
    fn glue(&self, name: Name<'_>, hashes: &SuffixHashes) -> u32 {
        let depth = hashes.label_count();
        for labels in (self.apex_labels() + 1..=depth.min(usize::from(self.most_labels))).rev() {
            let Some(id) = self.lookup(name, hashes, labels) else {
                continue;
            };
            if labels == depth {
                return id;
            }
            return match self.wildcard_child(id, name, hashes, labels) {
                Some(wildcard) if self.nodes[wildcard as usize].flags & OCCLUDED != 0 => wildcard,
                _ => NONE,
            };
        }
        NONE
    }
}
