/// The counters of a run of kills.
package struct KillTally: Sendable {
  package var kills = 0
  /// The number of kills planned in all.
  package var wanted = 0
  /// Kills by place; those not counted here fell while transfers were applied.
  package var whileOpening = 0
  package var whileRestoring = 0
  package var whileApplying = 0
  package var whileTakingCheckpoint = 0
  package var whileDeletingChangelog = 0

  /// Commits that were acknowledged.
  package var acknowledgements = 0
  /// Kills after which a commit was found that hadn't been acknowledged yet.
  package var unacknowledgedFound = 0
  /// Transfers found by the last open of each bank.
  package var transfers: Int64 = 0
  /// Table files brought into the database, and merged.
  package var applications = 0
  package var compactions = 0
  package var checkpointsTaken = 0
  package var checkpointsVerified = 0
  package var changelogDeletions = 0
  package var storesSetAside = 0
  /// States recomputed and compared, by processes that opened the bank and by the run.
  package var audits = 0
  /// Stores made from a checkpoint.
  package var checkpointsRestored = 0
  /// Changelogs replayed and compared.
  package var replays = 0
  /// Records of these replays.
  package var replayedRecords = 0

  /// Several lines, a noun with each number.
  package var summary: String {
    """
    \(kills) kills: \(whileOpening) while opening, \(whileRestoring) with sorted runs of a restore on disk, \
    \(whileApplying) with table files on their way, \(whileTakingCheckpoint) while a checkpoint was taken, \
    \(whileDeletingChangelog) while the changelog was deleted
    \(acknowledgements) commits acknowledged, none lost; \(unacknowledgedFound) times one more was found, whole; \
    \(transfers) transfers
    \(applications) applications of table files, \(compactions) compactions; \(checkpointsTaken) checkpoints taken, \
    \(checkpointsVerified) verified after kills, \(checkpointsRestored) made stores of; the changelog deleted below \
    \(changelogDeletions); \(storesSetAside) stores set aside and restored
    \(audits) states computed again, \(replays) compared with the replay of their changelog (\(replayedRecords) records)
    """
  }
}
