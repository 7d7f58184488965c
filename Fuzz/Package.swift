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

// `Fuzz/run` builds it: the flags that count edges, and the library of libFuzzer, are of the whole build.
let package = Package(
  name: "TidemarkFuzz",
  dependencies: [.package(name: "Tidemark", path: "..")],
  targets: [
    .target(name: "CFuzzer"),
    .executableTarget(
      name: "FuzzProcess",
      dependencies: ["CFuzzer", .product(name: "FuzzTargets", package: "Tidemark")],
      swiftSettings: swiftSettings, linkerSettings: [.linkedLibrary("stdc++")]),
  ],
  swiftLanguageModes: [.v6]
)
