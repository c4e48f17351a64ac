//! A program that is nothing but the JavaScript child, for the tests of outbound code.

fn main() {
    flowgate_outbound::child_main_if_asked();
}
