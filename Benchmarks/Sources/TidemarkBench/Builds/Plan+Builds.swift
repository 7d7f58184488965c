extension Plan {
  /// For comparing builds: runs are short, so that there is time for many pairs.
  static var forBuilds: Plan {
    var plan = Plan(.standard)
    plan.minutes = nil
    plan.processes = 1
    // Ratios scatter as much in long runs as in short ones, but a run needs room for two large commits.
    (plan.commitSizes, plan.largeCommitSizes) = ([100, 1000, 10_000], [100_000])
    (plan.writeRecords, plan.largeCommitRecords) = (50_000, 200_000)
    (plan.singleRecords, plan.syncedRecords) = (20_000, 5000)
    plan.settledRecords = 300_000
    (plan.rows, plan.stagingRecords, plan.getPutRecords) = (300_000, 100_000, 60_000)
    (plan.restoreRecords, plan.killedRecords) = (100_000, 50_000)
    return plan
  }

  /// So tiny that all groups can be prepared in a second; its rows have the same names as those of ``forBuilds``.
  static var forNames: Plan {
    var plan = Plan(.smoke)
    plan.settlesLogged = false
    (plan.commitSizes, plan.largeCommitSizes) = (forBuilds.commitSizes, forBuilds.largeCommitSizes)
    plan.largeCommitRecords = plan.writeRecords
    (plan.getPutRecords, plan.stagedEntries) = (10_000, 10_000)
    return plan
  }
}
