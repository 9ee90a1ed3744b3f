/// Whose GPU an adapter is: what defaults depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vendor {
    /// Qualcomm.
    Adreno,
    /// ARM, also in Samsung's and Google's chips.
    Mali,
    /// Imagination.
    PowerVr,
    /// Apple.
    Apple,
    /// NVIDIA.
    Nvidia,
    /// AMD, also in Samsung's Xclipse.
    Amd,
    /// Intel.
    Intel,
    /// Broadcom's VideoCore, in the Raspberry Pi.
    V3d,
    /// Software on the CPU.
    Software,
    /// Any other.
    Other,
}

/// PCI or Khronos number, what an adapter's name holds in small letters, vendor.
const KNOWN: [(u32, &[&str], Vendor); 8] = [
    (0x5143, &["adreno", "qualcomm"], Vendor::Adreno),
    (0x13b5, &["mali", "immortalis"], Vendor::Mali),
    (0x1010, &["powervr", "imagination"], Vendor::PowerVr),
    (0x106b, &["apple"], Vendor::Apple),
    (0x10de, &["nvidia", "geforce"], Vendor::Nvidia),
    (0x1002, &["amd", "radeon", "xclipse"], Vendor::Amd),
    (0x8086, &["intel"], Vendor::Intel),
    (0x14e4, &["v3d", "videocore"], Vendor::V3d),
];

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Adreno,
        Self::Mali,
        Self::PowerVr,
        Self::Apple,
        Self::Nvidia,
        Self::Amd,
        Self::Intel,
        Self::V3d,
        Self::Software,
        Self::Other,
    ];

    /// By number, or by name: GLES, Metal and browsers give no number.
    ///
    /// ```
    /// use nestling::low_level::Vendor;
    /// assert_eq!(Vendor::of(0x10de, ""), Vendor::Nvidia);
    /// assert_eq!(Vendor::of(0, "Mali-G78 MC20"), Vendor::Mali);
    /// assert_eq!(Vendor::of(0, "unheard of"), Vendor::Other);
    /// ```
    pub fn of(number: u32, name: &str) -> Self {
        let name = name.to_lowercase();
        let named = |names: &[&str]| names.iter().any(|part| name.contains(part));
        (KNOWN.iter().find(|(known, ..)| *known == number))
            .or_else(|| KNOWN.iter().find(|(_, names, _)| named(names)))
            .map_or(Self::Other, |&(.., vendor)| vendor)
    }
}
