/// Declares an enum of unit variants together with `ALL`, the list of them: a new variant cannot be left out of the
/// list.
#[macro_export]
macro_rules! listed_enum {
    (
        $(#[$outer:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$inner:meta])* $variant:ident),+ $(,)?
        }
    ) => {
        $(#[$outer])*
        $visibility enum $name {
            $($(#[$inner])* $variant),+
        }

        impl $name {
            /// Every variant, in order.
            pub const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant),+];
        }
    };
}
