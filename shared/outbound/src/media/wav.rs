//! WAV files: samples of 16 bits on one channel, with the head that players need.

pub(super) fn wav(rate: u32, samples: Vec<u8>) -> Vec<u8> {
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let mut wav = Vec::with_capacity(samples.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&size.saturating_add(36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&samples);
    wav
}

/// The samples of a WAV file whose head has the usual length.
pub(super) fn bare(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"RIFF") && bytes.get(36..40) == Some(b"data") {
        bytes.drain(..44);
    }
    bytes
}
