// Makes the fixtures of the present format version: see Tests/TidemarkTests/Fixtures/version-1/README.md.
//
// `FixtureMaker NAME` makes `/tmp/tidemark-fixtures/NAME`, which must not exist. A fixture of a killed program ends
// this process with SIGKILL.

import Foundation

guard CommandLine.arguments.count == 2 else {
  print("usage: FixtureMaker \(StoreFixture.allCases.map(\.rawValue).joined(separator: "|"))|aggregate")
  exit(64)
}
if CommandLine.arguments[1] == "aggregate" {
  try AggregateFixtures().make()
} else if let fixture = StoreFixture(rawValue: CommandLine.arguments[1]) {
  try fixture.make()
} else {
  print("no such fixture")
  exit(64)
}
