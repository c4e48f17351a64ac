//! Only the JavaScript child, for tests of outbound code.

fn main() {
    flowgate_outbound::child_main_if_asked();
}
