import Foundation
import ProfileCounters
import QuietLogs
import Tidemark

// Which code does one record pass through? `Tests/RecordPath/run` builds this with coverage, and lists the files.
//
//   RecordPath commit DIR PROFILE     a record's way: put, commit, apply, HEAD
//   RecordPath restore DIR PROFILE    the same record's way from the changelog into an empty store
//
// PROFILE gets the counters of that path alone: opening and closing are excluded.

/// Ends the process with a message.
func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data((message + "\n").utf8))
  exit(1)
}

quietLogs
guard CommandLine.arguments.count == 4 else { fail("usage: RecordPath commit|restore DIR PROFILE") }
let (mode, directory, profile) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])
let totals = Table("totals", key: .string, value: .int64)
let changelog = try FileLog.open(directory + "/log", TopicPartition("totals", 0))

func reset() { if !ProfileCountersReset() { fail("this build has no coverage: run Tests/RecordPath/run") } }
func write() {
  // Proof: the text is lent for the call.
  if unsafe !ProfileCountersWrite(profile) { fail("can't write \(profile)") }
}

switch mode {
case "commit":
  let store = try StateStore.open(directory + "/store", tables: [totals], changelog: changelog)
  var transaction = try store.begin()
  // The commit that defines the table, and the first run of the store's jobs, are no part of the record's path.
  try transaction.put("bob", 2, in: totals)
  try transaction.commit([TopicPartition("payments", 0): 1])
  try store.flush()
  reset()
  try transaction.put("ann", 1, in: totals)
  try transaction.commit([TopicPartition("payments", 0): 2])
  try store.flush()
  write()
case "restore":
  // From the first report of progress, before the changelog is read, to the last.
  var hasBegun = false
  let store = try StateStore.open(
    directory + "/restored", tables: [totals], changelog: changelog,
    progress: { progress in
      if !hasBegun { reset() }
      hasBegun = true
      if progress.phase == .ready { write() }
    })
  guard try store.snapshot().get("ann", in: totals) == 1 else { fail("the record was not restored") }
default: fail("no such mode: \(mode)")
}
