//! What a reply says beside its records.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;

/// The code of an Extended DNS Error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// The words of the first Extended DNS Error of a message, or its code.
pub(crate) fn extended_error(message: &Message) -> Option<String> {
    let edns = message.edns.as_ref()?;
    edns.options().as_ref().iter().find_map(|(_, option)| {
        let EdnsOption::Unknown(EXTENDED_ERROR, data) = option else {
            return None;
        };
        let (code, text) = data.split_first_chunk::<2>()?;
        let text = String::from_utf8_lossy(text);
        let error = format!("extended error {}: {text}", u16::from_be_bytes(*code));
        Some(error.trim_end_matches(": ").to_owned())
    })
}
