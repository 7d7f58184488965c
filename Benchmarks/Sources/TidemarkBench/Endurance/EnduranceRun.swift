import Foundation

/// Keeps a process at work for the time of the run, kills it now and then, and watches it from outside.
struct EnduranceRun {
  /// A process that was killed, and how the next one fared.
  struct Kill: Codable {
    /// Since the load was over.
    let seconds: Double
    let acknowledged: Int64
    let tried: Int64
    /// Where the next process found the state, and how long that took from its start.
    let found: Int64
    let readyMilliseconds: Double

    /// Operations that were acknowledged and are gone.
    var lost: Int64 { max(0, acknowledged - found) }
  }

  /// As long as nothing is heard from a process, it is taken to be stuck.
  private static let patienceSeconds = 300.0
  /// The last part of the run has no kills, so that what grows slowly in one process shows.
  private static let quietShare = 0.2

  let plan: EndurancePlan
  let seconds: Double
  /// Kills come at random instants, between two thirds and four thirds of it apart.
  let killEverySeconds: Double
  private(set) var samples: [EnduranceSample] = []
  private(set) var kills: [Kill] = []
  private(set) var acknowledgements = 0
  private(set) var loadSeconds = 0.0
  private(set) var isLoading = true
  /// When the load was over.
  private var begin = now()

  init(_ plan: EndurancePlan, seconds: Double, killEverySeconds: Double) {
    (self.plan, self.seconds, self.killEverySeconds) = (plan, seconds, killEverySeconds)
  }

  /// The shortest time that a process lives, but for the last.
  var shortestLife: Double { killEverySeconds * 2 / 3 }
  /// Since when nothing was killed.
  var quietSince: Double { seconds * (1 - Self.quietShare) }

  private var elapsed: Double { (Double(now()) - Double(begin)) / 1e9 }

  /// Runs to its end; throws where something is wrong with the state.
  mutating func run(_ show: (EnduranceRun) -> Void) throws {
    var random = SeededGenerator(seed: plan.seed)
    var life = try EnduranceLife(0, plan)
    try load(life, show)
    var killAt = nextKill(&random)
    while true {
      try watch(life, until: min(killAt, seconds), show)
      try life.kill()
      acknowledgements += life.acknowledgements
      if killAt >= seconds { return }
      let at = elapsed
      let next = try EnduranceLife(life.number + 1, plan)
      try waitUntilReady(next, show)
      try compare(life, next, killedAt: at)
      life = next
      killAt = nextKill(&random)
    }
  }

  private func nextKill(_ random: inout SeededGenerator) -> Double {
    let at = elapsed + killEverySeconds * (2 + 2 * random.unit()) / 3
    return at < quietSince ? at : .infinity
  }

  /// Waits until the first process has loaded the items; the clock of the run starts then.
  private mutating func load(_ life: EnduranceLife, _ show: (EnduranceRun) -> Void) throws {
    begin = life.startedAt
    while true {
      switch try event(of: life) {
      case .ready: break
      case .second(let report): take(life, report, show)
      case .loaded:
        loadSeconds = elapsed
        isLoading = false
        begin = now()
        samples = samples.map { $0.earlier(by: loadSeconds) }
        return
      }
    }
  }

  private mutating func waitUntilReady(_ life: EnduranceLife, _ show: (EnduranceRun) -> Void) throws {
    let patience = now() + UInt64(Self.patienceSeconds * 1e9)
    while now() < patience, !life.child.hasEnded {
      if case .ready = try life.event(until: now() + 1_000_000_000) { return }
      take(life, nil, show)
    }
    throw WrongRead(description: "process \(life.number) doesn't open the store")
  }

  /// Lets a process work until a moment of the run.
  private mutating func watch(_ life: EnduranceLife, until end: Double, _ show: (EnduranceRun) -> Void) throws {
    let deadline = begin + UInt64(end * 1e9)
    while now() < deadline {
      if case .second(let report) = try event(of: life, until: deadline) { take(life, report, show) }
    }
  }

  private func event(of life: EnduranceLife) throws -> EnduranceLife.Event {
    guard let event = try event(of: life, until: .max) else {
      throw WrongRead(description: "process \(life.number) says nothing")
    }
    return event
  }

  /// `nil` at the deadline; throws where the process ended, or says nothing for too long.
  private func event(of life: EnduranceLife, until deadline: UInt64) throws -> EnduranceLife.Event? {
    let patience = now() + UInt64(Self.patienceSeconds * 1e9)
    if let event = try life.event(until: min(deadline, patience)) { return event }
    if life.child.hasEnded { throw WrongRead(description: "process \(life.number) ended on its own") }
    if deadline > patience { throw WrongRead(description: "process \(life.number) says nothing") }
    return nil
  }

  private mutating func take(_ life: EnduranceLife, _ report: WorkerReport?, _ show: (EnduranceRun) -> Void) {
    samples.append(
      EnduranceSample(
        seconds: elapsed, life: life.number, age: life.age, process: ProcessSample(life.child.processID),
        disk: DiskSample(plan), report: report))
    show(self)
  }

  /// Nothing acknowledged may be missing, and nothing be there that no commit was given.
  private mutating func compare(_ life: EnduranceLife, _ next: EnduranceLife, killedAt: Double) throws {
    guard let acknowledged = life.acknowledged, let tried = life.tried, let found = next.found,
      let readyAt = next.readyAt
    else { return }
    guard found <= tried else {
      throw WrongRead(description: "committed up to \(tried), and found up to \(found)")
    }
    kills.append(
      Kill(
        seconds: killedAt, acknowledged: acknowledged, tried: tried, found: found,
        readyMilliseconds: Double(readyAt - next.startedAt) / 1e6))
  }
}
