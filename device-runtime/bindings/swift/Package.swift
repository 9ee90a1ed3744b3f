// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "Nestling",
    platforms: [.iOS(.v16)],
    products: [
        .library(name: "Nestling", targets: ["Nestling"])
    ],
    targets: [
        // `cargo xtask swift` makes it: the Rust library, with the header in `include`.
        .binaryTarget(name: "NestlingFFI", path: "NestlingFFI.xcframework"),
        .target(
            name: "Nestling",
            dependencies: ["NestlingFFI"],
            path: "Sources/Nestling",
            linkerSettings: [
                .linkedFramework("Metal"),
                .linkedFramework("QuartzCore"),
            ]
        ),
    ]
)
