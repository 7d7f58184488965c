import Foundation
import Testing

@Suite struct CheckpointTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  func aggregate(_ file: String, in state: String? = nil) throws -> Outcome {
    try tidemark("aggregate", file, "--group-by", "customer", "--sum", "amount", "--state", state ?? self.state)
  }

  func rows(_ state: String) throws -> String { try tidemark("scan", "--csv", "--state", state).output }

  @Test func aCheckpointBecomesAStateThatGoesOn() throws {
    let file = try directory.write(orders(1000), to: "orders.csv")
    #expect(try aggregate(file).status == 0)
    let before = try rows(state)
    let taken = try tidemark("checkpoint", directory("copy"), "--state", state)
    #expect(taken.status == 0, "\(taken.error)")
    #expect(taken.output.contains("verified, offset"))
    _ = try directory.write(orders(2000), to: "orders.csv")
    #expect(try aggregate(file).status == 0)
    let after = try rows(state)

    // Elsewhere, with the checkpoint's changelog: as it was then, and on from there.
    let restored = try tidemark("restore", "--from", directory("copy"), "--state", directory("new"))
    #expect(restored.status == 0, "\(restored.error)")
    #expect(try rows(directory("new")) == before)
    #expect(try aggregate(file, in: directory("new")).status == 0)
    #expect(try rows(directory("new")) == after)
    #expect(try tidemark("verify", "--state", directory("new")).status == 0)

    // In place, with the state's own changelog: nothing is missing.
    try FileManager.default.removeItem(atPath: state + "/store")
    #expect(try tidemark("restore", "--from", directory("copy"), "--state", state).status == 0)
    #expect(try rows(state) == after)
    #expect(try tidemark("verify", "--state", state).status == 0)
    #expect(try rows(directory("new")) == after)

    // Neither needs the checkpoint any more.
    try FileManager.default.removeItem(atPath: directory("copy"))
    for state in [state, directory("new")] {
      #expect(try tidemark("rebuild", "--state", state).status == 0)
      #expect(try rows(state) == after)
    }
  }

  @Test func whatDoesNotFitIsRefusedAndNothingIsLeft() throws {
    let file = try directory.write(orders(100), to: "orders.csv")
    #expect(try aggregate(file).status == 0)
    #expect(try tidemark("checkpoint", state, "--state", state).status == 64)
    #expect(try tidemark("checkpoint", directory("bare"), "--no-changelog", "--state", state).status == 0)
    #expect(try tidemark("restore", "--from", directory("bare"), "--state", state).status == 64)
    let without = try tidemark("restore", "--from", directory("bare"), "--state", directory("new"))
    #expect(without.status == 66)
    #expect(without.error.contains("there is no changelog"), "\(without.error)")
    #expect(try tidemark("restore", "--from", directory("none"), "--state", directory("new")).status == 66)

    #expect(try aggregate(file, in: directory("other")).status == 0)
    try FileManager.default.removeItem(atPath: directory("other") + "/store")
    let foreign = try tidemark("restore", "--from", directory("bare"), "--state", directory("other"))
    #expect(foreign.status == 84, "\(foreign.error)")
    #expect(!FileManager.default.fileExists(atPath: directory("other") + "/store"))
    // Its own changelog is untouched: an empty store is restored from it.
    #expect(try aggregate(file, in: directory("other")).status == 0)
    #expect(try rows(directory("other")) == rows(state))
  }
}
