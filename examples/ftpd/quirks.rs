//! Quirks of clients that do not keep to the RFCs.

use clap::{Args, ValueEnum};
use sansftp::{
    Settings,
    config::{AnnouncedSize, AsciiConversion},
    dtp::Representation,
};

#[derive(Debug, Args)]
pub(crate) struct QuirksOptions {
    /// The type that sessions begin in: ascii, or image for clients that send images and never say TYPE I
    #[arg(long, value_name = "TYPE", value_enum, default_value = "ascii", hide_possible_values = true)]
    initial_type: InitialType,

    /// In TYPE A leave line ends as they are, so that it spoils no image; SIZE and REST work there, too
    #[arg(long)]
    keep_line_ends: bool,

    /// Whether the size that a client announces with ALLO is binding (a shorter upload is refused) or advisory, for
    /// clients that round it up
    #[arg(long, value_name = "HOW", value_enum, default_value = "binding", hide_possible_values = true)]
    announced_size: AnnouncedSizeOption,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum InitialType {
    Ascii,
    Image,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AnnouncedSizeOption {
    Binding,
    Advisory,
}

impl QuirksOptions {
    /// The default settings, but for what the options say.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            initial_type: match self.initial_type {
                InitialType::Ascii => Representation::Ascii,
                InitialType::Image => Representation::Image,
            },
            ascii_conversion: match self.keep_line_ends {
                true => AsciiConversion::Nothing,
                false => AsciiConversion::LineEnds,
            },
            announced_size: match self.announced_size {
                AnnouncedSizeOption::Binding => AnnouncedSize::Binding,
                AnnouncedSizeOption::Advisory => AnnouncedSize::Advisory,
            },
            ..Settings::default()
        }
    }
}
