import Foundation

/// Two processes, one of each build, that take turns to run rounds of the same group.
///
/// Each process measures its cases beside its own baseline; a quotient is of two consecutive ratios.
struct BuildPair {
  /// The result of a pair of processes for a row: the middle of its rounds.
  struct Ratios: Codable, Sendable {
    let old: Double
    let new: Double
    /// The new build's ratio divided by the old one's.
    let quotient: Double

    init?(_ rounds: [(old: Double, new: Double)]) {
      guard let old = pseudomedian(rounds.map(\.old)), let new = pseudomedian(rounds.map(\.new)),
        let quotient = pseudomedian(rounds.map { $0.new / $0.old })
      else { return nil }
      (self.old, self.new, self.quotient) = (old, new, quotient)
    }
  }

  let programs: (old: String, new: String)
  let plan: Plan
  let directory: String

  /// Runs pair number `number` of some rows of a group; returns each row's ratios.
  func measure(_ rows: Set<String>, of group: String, number: Int, rounds: Int) throws -> [String: Ratios] {
    // Every second pair starts with the other build, and within a pair rounds go old, new, new, old.
    let startsWithOld = number.isMultiple(of: 2)
    func start(_ program: String, _ name: String) throws -> ChildProcess {
      let work = BuildRoundsCommand.Work(
        plan: plan, pair: number, directory: "\(directory)/\(name)", group: group, rows: rows)
      let json = String(decoding: try JSONEncoder().encode(work), as: UTF8.self)
      return try ChildProcess(["build-rounds", json], program: program)
    }
    // Both load their databases at the same time; nothing is measured yet.
    let old = try start(programs.old, "old")
    defer { _ = try? old.end() }
    let new = try start(programs.new, "new")
    defer { _ = try? new.end() }
    for child in [old, new] where child.line(until: .max) != "ready" { throw failure(group) }

    var found: [String: [(old: Double, new: Double)]] = [:]
    for round in 0..<rounds {
      let oldIsFirst = startsWithOld == round.isMultiple(of: 2)
      let first = try ratios(of: oldIsFirst ? old : new, group)
      let second = try ratios(of: oldIsFirst ? new : old, group)
      let (olds, news) = oldIsFirst ? (first, second) : (second, first)
      for row in rows {
        guard let old = olds[row], let new = news[row] else {
          throw WrongRead(description: "\(row) isn't in both builds")
        }
        found[row, default: []].append((old, new))
      }
    }
    return found.compactMapValues(Ratios.init)
  }

  private func ratios(of child: ChildProcess, _ group: String) throws -> [String: Double] {
    try child.send("round")
    guard let line = child.line(until: .max) else { throw failure(group) }
    return try JSONDecoder().decode([String: Double].self, from: Data(line.utf8))
  }

  private func failure(_ group: String) -> WrongRead {
    WrongRead(description: "\(group): a build failed; its message is above")
  }
}
