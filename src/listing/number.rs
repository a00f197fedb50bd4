//! Numbers in the lines of listings.

use bytes::{BufMut, BytesMut};

/// The number, with blanks before it in a column of at most 20.
pub(super) fn put_number<const BASE: u64>(number: u64, width: usize, out: &mut BytesMut) {
    let mut digits = [b' '; 20];
    let mut length = 0;
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = match (rest % BASE) as u8 {
            decimal @ 0..=9 => b'0' + decimal,
            letter => b'a' + letter - 10,
        };
        length += 1;
        rest /= BASE;
        if rest == 0 {
            break;
        }
    }
    let start = digits.len() - length.max(width);
    out.put_slice(digits.get(start..).unwrap_or(&digits));
}

#[cfg(test)]
mod tests {
    use std::format;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_fmt(number: u64, scale in 0..64_u32, width in 0..=20_usize) {
            let number = number >> scale;
            let (mut decimal, mut hexadecimal) = (BytesMut::new(), BytesMut::new());
            put_number::<10>(number, width, &mut decimal);
            put_number::<16>(number, width, &mut hexadecimal);
            prop_assert_eq!(decimal, format!("{number:width$}"));
            prop_assert_eq!(hexadecimal, format!("{number:width$x}"));
        }
    }
}
