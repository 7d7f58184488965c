// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors where nobody is watching; at the desk they stay warnings.
let strict = Context.environment["CI"] != nil || Context.environment["TIDEMARK_STRICT"] != nil

let swiftSettings: [SwiftSetting] =
  [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
  ] + (strict ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
  name: "TidemarkBenchmarks",
  dependencies: [
    .package(name: "Tidemark", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // Plain RocksDB has a shim of its own: it must not become slower or faster with the store's.
    .target(
      name: "CBaseline",
      cxxSettings: [.define("ROCKSDB_PLATFORM_POSIX")],
      linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
    .target(name: "BuildRatios", swiftSettings: swiftSettings),
    .executableTarget(
      name: "TidemarkBench",
      dependencies: [
        "BuildRatios", "CBaseline",
        .product(name: "Tidemark", package: "Tidemark"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(name: "BuildRatiosTests", dependencies: ["BuildRatios"], swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
