import ArgumentParser
import Foundation
import QuietLogs
import TidemarkTesting
import Torture

_ = quietLogs
TortureCommand.main()

struct TortureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "TortureProcess",
    abstract: """
      Crashes stores at every step, fails every call to their disk, damages their files, reads beside their writer, and
      looks for broken promises.
      """,
    discussion: """
      Without a subcommand all take turns, until so many images were made or so long has passed. The figures add up
      over runs in a file.

      EXAMPLES:
        TortureProcess images                        every crash after each step of a history
        TortureProcess faults --every 10             each tenth call to the disk fails, in all ways
        TortureProcess histories --seconds 60
        TortureProcess damage --files 1000
        TortureProcess isolation --seconds 60
        TortureProcess --images 100000
        TortureProcess histories --seed 4711 --count 1   the same history again
      """,
    subcommands: [
      ImagesCommand.self, FaultsCommand.self, HistoriesCommand.self, DamageCommand.self, IsolationCommand.self,
      AllCommand.self,
    ],
    defaultSubcommand: AllCommand.self)
}

struct SharedOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Where images are made.", valueName: "directory"))
  var scratch = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

  @Option(help: "The seed of everything random; without one, another each time.")
  var seed: UInt64 = .random(in: 0..<1 << 32)

  // Each job waits half of the time for its store's threads.
  @Option(help: "How many run side by side.")
  var jobs = 2 * ProcessInfo.processInfo.activeProcessorCount

  @Option(help: ArgumentHelp("Ends after this time.", valueName: "seconds"))
  var seconds: Int?

  func validate() throws {
    guard jobs > 0 else { throw ValidationError("--jobs must be 1 or more.") }
    if let seconds, seconds < 1 { throw ValidationError("--seconds must be 1 or more.") }
  }

  /// A directory of this process.
  var directory: String { directory(of: ProcessInfo.processInfo.processIdentifier) }

  func directory(of process: Int32) -> String { "\(scratch)/tidemark-torture-\(process)" }
}
