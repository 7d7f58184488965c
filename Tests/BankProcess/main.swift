// BankProcess <directory> <seed> <round> <mode>
//
// `BankMode` lists the modes. Prints `ready <position>` once the bank is open; `try <position>` before each commit and
// `ack <position>` after it; and, before it exits with status 1, `violation: …` for a failed check. The modes with
// checkpoints also print `opening`, `aside` when the store was set aside, `taking`, `taken`, `removing <number>` of
// checkpoints, `deleting`, `deleted <offset>` of the changelog, `applied` and `compacted`.
//
// BankProcess torture <kills> [<seed> [<directory>]]
//
// Starts such processes and kills them: `KillRun`.

import Foundation
import Synchronization
import Tidemark

func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
}

func orElseEnd(_ body: () throws -> Void) {
  do { try body() } catch {
    say("violation: \(error)")
    exit(1)
  }
}

/// Runs `body` on a thread of its own.
func beside(_ body: @escaping @Sendable () throws -> Void) {
  Thread.detachNewThread { orElseEnd { try body() } }
}

/// Opens the bank as the mode asks.
func open(_ directory: String, _ mode: BankMode, seed: UInt64, round: UInt64) throws -> StateStore {
  switch mode {
  case .work, .alone, .resume, .rebuild: break
  case .restore: return try Bank.open(directory, Bank.restoreOptions)
  default: return try Bank.open(directory)
  }
  say("opening")
  if mode == .rebuild {
    try Bank.setAside(directory)
    say("aside")
  }
  let options = Bank.options(seed: seed, round: round)
  let log = mode == .alone ? nil : try Bank.log(directory, Bank.durability(seed: seed, round: round))
  return try Bank.open(
    directory + "/store", log, mode == .resume || mode == .rebuild ? Bank.withLittleMemory(options) : options)
}

let arguments = CommandLine.arguments
if arguments.count >= 3, arguments[1] == "torture" { torture(Array(arguments.dropFirst(2))) }
guard arguments.count == 5, let seed = UInt64(arguments[2]), let round = UInt64(arguments[3]),
  let mode = BankMode(rawValue: arguments[4])
else {
  say("violation: BankProcess <directory> <seed> <round> \(BankMode.allCases.map(\.rawValue))")
  exit(2)
}

orElseEnd {
  if mode == .fork {
    try Bank.fork(arguments[1])
    say("ready 0")
    exit(0)
  }
  let store = try open(arguments[1], mode, seed: seed, round: round)
  if mode == .restore {
    say("ready 0")
    try store.close()
    exit(0)
  }
  let progress = Progress()
  var teller = try Teller(store, seed: seed, round: round, progress)
  try teller.openAccounts()
  if mode == .hold {
    say("ready 0")
    _ = readLine()
    exit(0)
  }
  let audit = Audit(try store.snapshot())
  try audit.wholly(seed: seed)
  let applied = audit.applied ?? 0
  progress.begun.store(applied, ordering: .sequentiallyConsistent)
  progress.committed.store(applied, ordering: .sequentiallyConsistent)
  // Standard input ends when the process that started this one is gone.
  beside {
    while readLine() != nil {}
    exit(0)
  }
  say("ready \(applied)")
  beside { try Checker(store: store, progress: progress).run() }
  if mode != .run {
    beside { try LatestReader(store: store, seed: seed, progress: progress).run() }
    beside {
      var taker = CheckpointTaker(
        store: store, directory: arguments[1], progress: progress, hasChangelog: mode != .alone,
        draw: Draw(seed ^ round))
      try taker.run()
    }
  }
  try teller.run(from: applied)
}
