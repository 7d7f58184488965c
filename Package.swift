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
  name: "Tidemark",
  products: [
    .library(name: "Tidemark", targets: ["Tidemark"]),
    .library(name: "TidemarkTesting", targets: ["TidemarkTesting"]),
    // For the package in Fuzz/, which gets at nothing else that isn't public.
    .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
    .executable(name: "tidemark", targets: ["TidemarkCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
  ],
  targets: [
    // It has no headers of its own: where pkg-config doesn't find RocksDB, SwiftPM names the packages to install. xxHash is
    // compiled in from its header, so it needs no library; `CChecksum` names the package itself.
    .systemLibrary(
      name: "CRocksDBLibrary", pkgConfig: "rocksdb",
      providers: [
        .apt(["librocksdb-dev", "libxxhash-dev", "g++"]), .yum(["rocksdb-devel", "xxhash-devel", "gcc-c++"]),
      ]),
    .target(name: "CChecksum"),
    .target(name: "CIntrinsics"),
    .target(name: "TidemarkBase", dependencies: ["CChecksum"], swiftSettings: swiftSettings),
    .target(name: "Changelog", dependencies: ["CChecksum", "TidemarkBase"], swiftSettings: swiftSettings),
    .target(
      name: "CRocksDB", dependencies: ["CChecksum", "CRocksDBLibrary"],
      cxxSettings: [.define("ROCKSDB_PLATFORM_POSIX")],
      linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
    .target(name: "RocksDB", dependencies: ["CRocksDB"], swiftSettings: swiftSettings),
    .target(
      name: "Tidemark",
      dependencies: [
        "TidemarkBase", "Changelog", "CIntrinsics", "RocksDB", .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
      ],
      swiftSettings: swiftSettings),
    .target(name: "TidemarkTesting", dependencies: ["Tidemark", "Changelog", "RocksDB"], swiftSettings: swiftSettings),
    .target(name: "CLongDecimal", linkerSettings: [.linkedLibrary("gmp")]),
    .target(name: "RowInput", dependencies: ["CChecksum", "CLongDecimal"], swiftSettings: swiftSettings),
    .executableTarget(
      name: "TidemarkCommand",
      dependencies: [
        "Tidemark", "RowInput", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "BankProcess",
      dependencies: [
        "TestSupport", "Tidemark", .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
      ],
      path: "Tests/BankProcess", swiftSettings: swiftSettings),
    .executableTarget(
      name: "DatabaseProcess", dependencies: ["CPlainRocksDB", "RocksDB"], path: "Tests/DatabaseProcess",
      swiftSettings: swiftSettings),
    .target(
      name: "CPlainRocksDB", dependencies: ["CRocksDBLibrary"], path: "Tests/CPlainRocksDB",
      cxxSettings: [.define("ROCKSDB_PLATFORM_POSIX")],
      linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
    .executableTarget(
      name: "StoresProcess",
      dependencies: ["Tidemark", .product(name: "Logging", package: "swift-log")],
      path: "Tests/StoresProcess", swiftSettings: swiftSettings),
    .executableTarget(
      name: "FixtureMaker", dependencies: ["Tidemark", .product(name: "Logging", package: "swift-log")],
      path: "Tests/FixtureMaker", swiftSettings: swiftSettings),
    .target(
      name: "Torture", dependencies: ["Tidemark", "TidemarkTesting", "Changelog"], path: "Tests/Torture",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "TortureProcess",
      dependencies: ["Torture", "QuietLogs", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Tests/TortureProcess", swiftSettings: swiftSettings),
    .target(
      name: "QuietLogs", dependencies: [.product(name: "Logging", package: "swift-log")], path: "Tests/QuietLogs",
      swiftSettings: swiftSettings),
    .target(
      name: "FuzzTargets", dependencies: ["CChecksum", "Changelog", "RowInput", "Tidemark", "TidemarkTesting"],
      path: "Tests/FuzzTargets", swiftSettings: swiftSettings),
    .target(name: "ProfileCounters", path: "Tests/ProfileCounters"),
    .executableTarget(
      name: "RecordPath", dependencies: ["Tidemark", "ProfileCounters", "QuietLogs"], path: "Tests/RecordPath",
      exclude: ["run"], swiftSettings: swiftSettings),
    .target(
      name: "TestSupport", dependencies: ["TidemarkBase"], path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .target(name: "SmallDisk", path: "Tests/SmallDisk", swiftSettings: swiftSettings),
    .testTarget(name: "TidemarkBaseTests", dependencies: ["TidemarkBase"], swiftSettings: swiftSettings),
    .testTarget(
      name: "ChangelogTests", dependencies: ["CChecksum", "Changelog", "TestSupport", "TidemarkTesting"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RocksDBTests", dependencies: ["RocksDB", "DatabaseProcess", "SmallDisk", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "TidemarkTests",
      dependencies: [
        "CPlainRocksDB", "Tidemark", "TidemarkTesting", "RocksDB", "BankProcess", "FixtureMaker", "QuietLogs",
        "SmallDisk", "StoresProcess", "TestSupport", "Torture",
        .product(name: "Logging", package: "swift-log"), .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
      ],
      exclude: ["Fixtures"], swiftSettings: swiftSettings),
    .testTarget(
      name: "DocumentationTests",
      dependencies: [
        "Tidemark", "TidemarkTesting", "QuietLogs", .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(name: "SourceLayoutTests", swiftSettings: swiftSettings),
    // What somebody outside of this package sees: the products alone, and nothing that is `package`.
    .testTarget(
      name: "PublicAPITests", dependencies: ["Tidemark", "TidemarkTesting"], packageAccess: false,
      swiftSettings: swiftSettings),
    .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: swiftSettings),
    .testTarget(name: "RowInputTests", dependencies: ["RowInput"], swiftSettings: swiftSettings),
    .testTarget(
      name: "CommandTests",
      dependencies: ["TidemarkCommand", "Tidemark", "RocksDB", "FixtureMaker", "QuietLogs", "SmallDisk"],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
