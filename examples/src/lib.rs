//! Small programs to copy: see `README.md` beside this crate. The crate itself is empty.
