// BankProcess <directory> <seed> <round> run | hold | restore | fork
//
// `run` opens the bank, says `ready <position>`, and applies transfers until it is killed, with `ack <position>` after
// each commit. `hold` says `ready` and keeps the store open until its standard input ends. `restore` opens the bank with
// little memory, says `ready` and ends. `fork` makes another bank of it, of what isn't there yet. What is wrong it says as `violation: …`, and ends with 1.

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

let arguments = CommandLine.arguments
guard arguments.count == 5, let seed = UInt64(arguments[2]), let round = UInt64(arguments[3]) else {
  say("violation: BankProcess <directory> <seed> <round> run | hold | restore | fork")
  exit(2)
}

orElseEnd {
  if arguments[4] == "restore" {
    let store = try Bank.open(arguments[1], Bank.restoreOptions)
    say("ready 0")
    try store.close()
    exit(0)
  }
  if arguments[4] == "fork" {
    try Bank.fork(arguments[1])
    say("ready 0")
    exit(0)
  }
  let store = try Bank.open(arguments[1])
  let progress = Progress()
  var teller = try Teller(store, seed: seed, round: round, progress)
  try teller.openAccounts()
  if arguments[4] == "hold" {
    say("ready 0")
    _ = readLine()
    exit(0)
  }
  let audit = Audit(try store.snapshot())
  try audit.wholly(seed: seed)
  let applied = audit.applied ?? 0
  progress.begun.store(applied, ordering: .sequentiallyConsistent)
  progress.committed.store(applied, ordering: .sequentiallyConsistent)
  Thread.detachNewThread { orElseEnd { try Checker(store: store, progress: progress).run() } }
  // Whoever started this process is gone once standard input ends.
  Thread.detachNewThread {
    while readLine() != nil {}
    exit(0)
  }
  say("ready \(applied)")
  try teller.run(from: applied)
}
