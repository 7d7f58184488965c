import ArgumentParser
import Foundation
import Tidemark

/// The process that ``KilledCases`` kills: it writes, prints `ready` and waits to be killed.
struct WriteUntilKilledCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "write-until-killed", shouldDisplay: false)

  enum Side: String, ExpressibleByArgument {
    case store
    case plain
  }

  @Option var side: Side
  @Option var directory: String
  @Option var records: Int
  @Option var recordsPerCommit: Int
  @Option var budgetBytes: Int

  func run() throws {
    let workload = Workload(.uniq, count: records)
    switch side {
    case .store:
      let store = try StoreFiles(directory: directory).open(.file(.os), budgetBytes: budgetBytes)
      try fill(store, workload, recordsPerCommit: recordsPerCommit)
      waitForTheEnd()
      try store.close()
    case .plain:
      let database = try PlainDatabase(
        directory + "/db", .create, with: BaselineSettings(budgetBytes: budgetBytes))
      for index in 0..<workload.count { try database.put(workload.keys[index], workload.values[index], log: .unsynced) }
      waitForTheEnd()
      try database.flush()
    }
  }
}
