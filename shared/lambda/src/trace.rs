//! The trace that an event belongs to, in one spelling: W3C `traceparent`.

/// Converts X-Ray's `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>`, in any order.
pub(super) fn of_xray(header: &str) -> Option<String> {
    let part = |name: &str| {
        header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let trace_id: String = part("Root")?.strip_prefix("1-")?.split('-').collect();
    let parent = part("Parent")?;
    let flags = if part("Sampled") == Some("1") { "01" } else { "00" };
    (is_hex(&trace_id, 32) && is_hex(parent, 16)).then(|| format!("00-{trace_id}-{parent}-{flags}"))
}

/// Checks for `00-<32 hex>-<16 hex>-<2 hex>`: a caller may send anything.
pub(super) fn is_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [version, trace_id, parent, flags]
        if is_hex(version, 2) && is_hex(trace_id, 32) && is_hex(parent, 16) && is_hex(flags, 2))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_x_ray_is_one_of_w3c() {
        let traceparent =
            of_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1");
        assert!(traceparent.as_deref().is_some_and(is_parent));
        assert!(["", "00", "00-1-2-3", "a b", &"0".repeat(55)].iter().all(|text| !is_parent(text)));
        assert_eq!(
            traceparent.as_deref(),
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")
        );
        assert_eq!(of_xray("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"), None);
        assert_eq!(of_xray("Root=1-x-y;Parent=53995c3f42cd8ad8"), None);
    }
}
