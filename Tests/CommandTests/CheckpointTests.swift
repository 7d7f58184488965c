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

    // In another place, with the checkpoint's changelog: the state as it was then, and it continues from there.
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

    // Neither needs the checkpoint any longer.
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

  /// Seen to fail with: a fork that looks for its checkpoint under the name the checkpoint had while it was made.
  @Test func aForkIsTheStateAsItWas() throws {
    let file = try directory.write(orders(1000), to: "orders.csv")
    #expect(try aggregate(file).status == 0)
    let then = try rows(state)
    _ = try directory.write(orders(2000), to: "orders.csv")
    let offset = try storedOffset()
    #expect(try aggregate(file).status == 0)
    let now = try rows(state)
    #expect(then != now)

    let forked = try tidemark("fork", directory("fork"), "--offset", "\(offset)", "--state", state)
    #expect(forked.status == 0, "\(forked.error)")
    #expect(forked.output.contains("offset \(offset)"))
    #expect(try rows(directory("fork")) == then)
    #expect(try tidemark("fork", directory("same"), "--state", state).status == 0)
    #expect(try rows(directory("same")) == now)
    #expect(try tidemark("fork", directory("future"), "--time", "9000-01-01", "--state", state).status == 0)
    #expect(try rows(directory("future")) == now)
    // Each continues independently.
    #expect(try aggregate(file, in: directory("fork")).status == 0)
    #expect(try rows(directory("fork")) == now)
    #expect(try tidemark("rebuild", "--state", directory("fork")).status == 0)
    #expect(try tidemark("verify", "--state", directory("fork")).status == 0)
    #expect(try rows(directory("fork")) == now)
    #expect(try tidemark("verify", "--state", state).status == 0)

    for (arguments, status) in [
      (["--time", "yesterday"], 64), (["--time", "1999-01-01"], 64), (["--offset", "3", "--time", "2026-01-01"], 64),
      (["--offset", "0"], 64), (["--from", directory("nowhere")], 78),
    ] as [([String], Int32)] {
      let refused = try run(commandPath(), ["fork", directory("refused")] + arguments + ["--state", state])
      #expect(refused.status == status, "\(arguments): \(refused.error)")
      #expect(!FileManager.default.fileExists(atPath: directory("refused")))
    }
    #expect(try tidemark("fork", directory("fork"), "--state", state).status == 64)
  }

  /// The state's stored offset, from `HEAD`.
  private func storedOffset() throws -> Int64 {
    let head = try String(contentsOfFile: state + "/store/HEAD", encoding: .utf8)
    let line = try #require(head.split(separator: "\n").first { $0.hasPrefix("offset ") })
    return try #require(Int64(line.dropFirst(7)))
  }
}
