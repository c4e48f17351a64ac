//! What each version of Claude takes, wherever it runs.
//!
//! Checked against Anthropic's "Structured outputs" and "Migration guide".

/// Returns the major and minor version that a name contains, in Anthropic's spelling or Bedrock's:
/// `claude-3-5-haiku-20241022`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-opus-5`.
pub(super) fn version(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.rsplit_once("claude-")?;
    // A date has more digits.
    let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.len() <= 2);
    let mut parts = rest.split(['-', '.', '@', ':', '/']).skip_while(|part| number(part).is_none());
    let major = parts.next().and_then(number)?;
    Some((major, parts.next().and_then(number).unwrap_or(0)))
}

pub(super) fn is_held_to_schemas(version: (u32, u32)) -> bool {
    version >= (4, 5)
}

/// Which of `temperature` and `top_p` goes out. What a version refuses would fail the call.
pub(super) fn sampling(
    model: &str,
    temperature: Option<f64>,
    top_p: Option<f64>,
) -> (Option<f64>, Option<f64>) {
    match version(model) {
        Some(version) if version >= (4, 7) => (None, None),
        Some(version) if version >= (4, 1) && temperature.is_some() => (temperature, None),
        _ => (temperature, top_p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_contains_its_version() {
        for (model, expected) in [
            ("claude-2.1", Some((2, 1))),
            ("claude-instant-1.2", Some((1, 2))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-3-5-sonnet-latest", Some((3, 5))),
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-1@20250805", Some((4, 1))),
            ("claude-haiku-4-5-20251001", Some((4, 5))),
            ("claude-opus-4.7", Some((4, 7))),
            ("claude-fable-5", Some((5, 0))),
            ("claude-sonnet-5-5", Some((5, 5))),
            ("us.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("global.anthropic.claude-sonnet-4-20250514-v1:0", Some((4, 0))),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-v1:0",
                Some((5, 0)),
            ),
            ("anthropic.claude-v2:1", Some((1, 0))),
            ("claude-latest", None),
            ("amazon.nova-pro-v1:0", None),
            ("MiniMax-M2", None),
        ] {
            assert_eq!(version(model), expected, "{model}");
        }
    }

    #[test]
    fn a_version_gets_the_sampling_that_it_takes() {
        for (model, expected) in [
            ("claude-3-5-haiku-latest", (Some(0.5), Some(0.9))),
            ("claude-sonnet-4-20250514", (Some(0.5), Some(0.9))),
            ("claude-opus-4-1", (Some(0.5), None)),
            ("claude-sonnet-4-6", (Some(0.5), None)),
            ("claude-opus-4-7", (None, None)),
            ("claude-fable-5", (None, None)),
            ("MiniMax-M2", (Some(0.5), Some(0.9))),
        ] {
            assert_eq!(sampling(model, Some(0.5), Some(0.9)), expected, "{model}");
        }
        assert_eq!(sampling("claude-opus-4-1", None, Some(0.9)), (None, Some(0.9)));
    }
}
