//! Pages of lists.

#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Maximum number of items; a page of large items may hold fewer.
    pub limit: usize,
    /// Opaque, from an earlier page's `next_cursor`. An unknown cursor reads as the first page.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}
