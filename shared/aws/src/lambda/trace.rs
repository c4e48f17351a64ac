//! The trace that an event belongs to, in one spelling: W3C `traceparent`.

/// Of X-Ray's `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>`; the parts in any order.
pub(super) fn of_xray(header: &str) -> Option<String> {
    let part = |name: &str| header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let trace_id: String = part("Root")?.strip_prefix("1-")?.split('-').collect();
    let parent = part("Parent")?;
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let flags = if part("Sampled") == Some("1") { "01" } else { "00" };
    (is_hex(&trace_id, 32) && is_hex(parent, 16)).then(|| format!("00-{trace_id}-{parent}-{flags}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_x_ray_is_one_of_w3c() {
        let told = of_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1");
        assert_eq!(told.as_deref(), Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"));
        assert_eq!(of_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"), None);
        assert_eq!(of_xray("Root=1-x-y;Parent=53995c3f42cd8ad8"), None);
    }
}
