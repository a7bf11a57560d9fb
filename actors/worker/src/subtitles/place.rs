//! Where on the picture a cue is shown, as far as it is carried over: at which height.

/// A height. WebVTT shows a cue at the bottom where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Place {
    /// At the bottom.
    #[default]
    Bottom,
    /// In the middle.
    Middle,
    /// At the top.
    Top,
}

impl Place {
    /// By the digits of a keyboard's number block, as ASS has it since V4+ (`\an8`): 7 to 9 are the top.
    #[must_use]
    pub fn of_number_block(digit: u32) -> Option<Self> {
        match digit {
            1..=3 => Some(Self::Bottom),
            4..=6 => Some(Self::Middle),
            7..=9 => Some(Self::Top),
            _ => None,
        }
    }

    /// As SSA had it before, and `\a` has it: 1 to 3 are the bottom, 4 more the top, 8 more the middle.
    #[must_use]
    pub fn of_ssa(number: u32) -> Option<Self> {
        match number {
            1..=3 => Some(Self::Bottom),
            5..=7 => Some(Self::Top),
            9..=11 => Some(Self::Middle),
            _ => None,
        }
    }

    /// The settings behind the times of a cue (W3C WebVTT, section 4.4), with the blank before them.
    #[must_use]
    pub fn settings(self) -> &'static str {
        match self {
            Self::Bottom => "",
            Self::Middle => " line:50%",
            Self::Top => " line:0",
        }
    }
}
