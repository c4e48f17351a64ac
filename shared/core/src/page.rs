//! Lists in pages.

#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most so many; a page of large items may end earlier.
    pub limit: usize,
    /// As an earlier page gave it; opaque. One that no page gave reads as the first page's.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}
