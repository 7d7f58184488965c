import Foundation

/// The contents of `endurance.json`.
struct EnduranceResults: Encodable {
  let machine: Machine
  let plan: EndurancePlan
  let minutes: Double
  let loadSeconds: Double
  let bounds: [EnduranceBound]
  let summary: [String: Double]
  let kills: [EnduranceRun.Kill]
  let audit: WholeAudit
  let samples: [EnduranceSample]

  init(_ machine: Machine, _ run: EnduranceRun, _ audit: WholeAudit) {
    self.machine = machine
    plan = run.plan
    minutes = run.seconds / 60
    loadSeconds = run.loadSeconds
    bounds = run.bounds(audit)
    kills = run.kills
    self.audit = audit
    samples = run.samples
    let working = run.working
    let reports = working.compactMap(\.report)
    func middle(_ values: [Double]) -> Double { (median(values) ?? 0).rounded(to: 3) }
    summary = [
      "acknowledged commits": Double(run.acknowledgements),
      "commits a second": middle(reports.map { Double($0.commits.count) }),
      "rows changed a second": middle(reports.map { Double($0.changes) }),
      "reads a second": middle(reports.map { Double($0.reads.count) }),
      "rows scanned a second": Double(reports.reduce(0) { $0 + $1.scannedRows } / max(reports.count, 1)),
      "p50 of a commit, ms": middle(reports.compactMap(\.commits.p50Milliseconds)),
      "p99 of a commit, ms": middle(reports.compactMap(\.commits.p99Milliseconds)),
      "p50 of a read, ms": middle(reports.compactMap(\.reads.p50Milliseconds)),
      "p99 of a read, ms": middle(reports.compactMap(\.reads.p99Milliseconds)),
      "longest read, ms": (Double(reports.map(\.reads.max).max() ?? 0) / 1e6).rounded(to: 3),
      "resident memory, median, MiB": middle(working.map { Double($0.process.residentBytes) / 1_048_576 }),
      "pages of programs and libraries, median, MiB": middle(working.map { Double($0.process.fileBytes) / 1_048_576 }),
      "checkpoints": Double(
        Dictionary(grouping: run.samples, by: \.life).values.reduce(0) { sum, life in
          sum + (life.compactMap { $0.report?.checkpoints }.max() ?? 0)
        }),
      "cores used": run.coresUsed(0..<run.seconds).own.rounded(to: 3),
      "cores used by others": run.coresUsed(0..<run.seconds).others.rounded(to: 3),
      "cores used by others, first tenth": run.coresUsed(0..<run.seconds / 10).others.rounded(to: 3),
      "cores used by others, last tenth": run.coresUsed(run.seconds * 9 / 10..<run.seconds).others.rounded(to: 3),
    ]
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(self).write(to: URL(fileURLWithPath: path))
  }

  /// The bounds in readable form, and the load under which they were kept.
  var text: String {
    var table = TextTable(["bound", "", "limit", "measured"], textColumns: 2)
    for bound in bounds { table.append([bound.name, bound.pass ? "pass" : "FAIL", bound.limit, bound.measured]) }
    let load = summary.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value.shortest)" }.joined(separator: "\n")
    let kept = bounds.count { $0.pass }
    return """
      \(minutes.shortest) minutes, \(kills.count) kills, loaded in \(loadSeconds.fixed(0)) s
      \(load)

      \(table.text)

      \(kept) of \(bounds.count) bounds are kept
      """
  }
}
