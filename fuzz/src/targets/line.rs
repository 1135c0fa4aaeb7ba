//! Lines as programs print them, chosen by the bytes; whole, and cut.

use asg_core::Packet;
use asg_core::bytes::Text;
use asg_core::packet::Lenient;
use asg_core::packet::generator::{self, Generated};
use serde_json::Value;

use super::reference;

/// A printed line parses to the fields that were printed.
pub(crate) fn line(data: &[u8]) {
    let Generated { line, fields } = generator::line(data);
    let text = Text::new(&line);
    let packet = Packet::parse(&line).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(serde_json::to_value(&packet).unwrap(), fields, "{text}");
    reference(&line);
}

/// A line prints back, and a cut line prints nothing that was not in it. The first two bytes choose
/// where the line is cut.
pub(crate) fn render(data: &[u8]) {
    let Some((&cut, choices)) = data.split_first_chunk() else { return };
    let Generated { line, fields } = generator::line(choices);
    let packet = Packet::parse(&line).unwrap_or_else(|e| panic!("{e}: {}", Text::new(&line)));
    assert!(packet.to_line() == line, "{}", Text::new(&line));

    let cut = &line[..usize::from(u16::from_be_bytes(cut)) % (line.len() + 1)];
    // A prefix may contain two names itself; its end is known only when the real ones have come.
    let Some(Lenient { packet, stop: Some(_), .. }) = Packet::parse_lenient(cut) else { return };
    if packet.in_if != Some(fields["in"].as_str().unwrap_or_default().into()) {
        return;
    }
    let printed = packet.to_line();
    let Some(again) = Packet::parse_lenient(&printed) else { return };
    let again = serde_json::to_value(&again.packet).unwrap();
    assert!(does_not_contradict(&again, &fields), "{}\n{}", Text::new(cut), Text::new(&printed));
}

/// Returns whether both agree in every member that both have. A cut line is marked as cut, and may
/// not show its prefix and family.
fn does_not_contradict(part: &Value, whole: &Value) -> bool {
    const SELF: [&str; 4] = ["cut", "family", "prefix", "l2_only"];
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().filter(|(key, _)| !SELF.contains(&key.as_str())).all(|(key, value)| {
                whole.get(key).is_some_and(|whole| does_not_contradict(value, whole))
            })
        }
        (Value::Array(part), Value::Array(whole)) => part.iter().zip(whole).all(|(a, b)| a == b),
        _ => part == whole,
    }
}
