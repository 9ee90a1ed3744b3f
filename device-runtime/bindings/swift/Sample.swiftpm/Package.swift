// swift-tools-version: 5.9
import AppleProductTypes
import PackageDescription

let package = Package(
    name: "Sample",
    platforms: [.iOS("16.0")],
    products: [
        .iOSApplication(
            name: "Sample",
            targets: ["Sample"],
            bundleIdentifier: "nestling.sample",
            displayVersion: "0.1",
            bundleVersion: "1",
            supportedDeviceFamilies: [.pad, .phone],
            supportedInterfaceOrientations: [.portrait],
            capabilities: [.camera(purposeString: "Its frames are classified on this device.")]
        )
    ],
    dependencies: [
        .package(path: "..")
    ],
    targets: [
        .executableTarget(
            name: "Sample",
            dependencies: [.product(name: "Nestling", package: "swift")],
            path: ".",
            sources: ["Sources"],
            resources: [.copy("Resources")]
        )
    ]
)
