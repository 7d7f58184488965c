extension Bench {
  /// The groups whose titles contain one of some texts, or all groups, in the order in which they run.
  func groups(_ only: [String]) -> [Group] {
    groups.filter { group in only.isEmpty || only.contains { group.title.contains($0) } }
  }

  private var groups: [Group] {
    writeGroups + singleGroups + [latencyGroup] + contextGroups + readGroups + getPutGroups + openGroups + settledGroups
  }

  /// The estimated time of a run with `records` records of `nanoseconds` each.
  private func seconds(_ records: Int, _ nanoseconds: Double) -> Double { Double(records) * nanoseconds / 1e9 + 0.03 }

  private var writeGroups: [Group] {
    Distribution.allCases.flatMap { distribution in
      var groups = [writeGroup("writes, \(distribution)", distribution, plan.commitSizes, plan.writeRecords)]
      if !plan.largeCommitSizes.isEmpty {
        let title = "writes in large commits, \(distribution)"
        groups.append(writeGroup(title, distribution, plan.largeCommitSizes, plan.largeCommitRecords))
      }
      return groups
    }
  }

  private func writeGroup(_ title: String, _ distribution: Distribution, _ sizes: [Int], _ records: Int) -> Group {
    Group(
      title: title, rounds: plan.writeRounds, isSliced: plan.slicesWrites,
      estimatedSeconds: Double(sizes.count) * 4 * seconds(records, 3000)
    ) { [self] in
      let cases = WriteCases(bench: self, workload: Workload(distribution, count: records))
      return cases.unloggedContenders(sizes) + cases.loggedContenders(sizes)
    }
  }

  private var singleGroups: [Group] {
    [
      Group(
        title: "one record a commit", rounds: plan.rounds, isSliced: plan.slicesWrites,
        estimatedSeconds: 5 * seconds(plan.singleRecords, 9000)
      ) { [self] in
        let cases = WriteCases(bench: self, workload: Workload(.uniq, count: plan.singleRecords))
        return cases.unloggedContenders([1]) + cases.loggedContenders([1])
      },
      Group(
        title: "one record a commit, synced", rounds: plan.rounds,
        estimatedSeconds: 2 * seconds(plan.syncedRecords, 25_000)
      ) { [self] in
        SyncedWriters(bench: self, workload: Workload(.uniq, count: plan.syncedRecords), writers: plan.syncedWriters)
          .contenders
      },
    ]
  }

  private var latencyGroup: Group {
    Group(
      title: "commits under flushes and compactions", rounds: plan.latencyRounds,
      estimatedSeconds: seconds(plan.latencyRecords, 6000)
    ) { [self] in
      WriteCases(bench: self, workload: Workload(.uniq, count: plan.latencyRecords)).latencyContenders(1000)
    }
  }

  private var contextGroups: [Group] {
    Distribution.allCases.map { distribution in
      let sizes = plan.contextSizes
      let estimate = Double(sizes.count) * 4.5 * seconds(plan.contextRecords, 4200)
      return Group(
        title: "other ways to write, \(distribution)", rounds: plan.contextRounds,
        isSliced: plan.slicesWrites, estimatedSeconds: estimate
      ) { [self] in
        WriteCases(bench: self, workload: Workload(distribution, count: plan.contextRecords))
          .contextContenders(sizes)
      }
    }
  }

  private var settledGroups: [Group] {
    Distribution.allCases.flatMap { distribution in
      let prepare = { [self] in
        WriteCases(bench: self, workload: Workload(distribution, count: plan.settledRecords), settles: true)
      }
      let unlogged = Group(
        title: "writes until compactions have settled, \(distribution)", rounds: plan.settledRounds,
        estimatedSeconds: 2 * seconds(plan.settledRecords, 3000)
      ) { prepare().unloggedContenders([10_000]) }
      let logged = Group(
        title: "logged writes until compactions have settled, \(distribution)", rounds: plan.settledRounds,
        estimatedSeconds: 3 * seconds(plan.settledRecords, 3000)
      ) { prepare().loggedContenders([10_000]) }
      return plan.settlesLogged ? [unlogged, logged] : [unlogged]
    }
  }

  private var readGroups: [Group] {
    let gets = Distribution.allCases.map { distribution in
      Group(
        title: "committed reads, \(distribution)", rounds: plan.readRounds, warmUpRounds: 1,
        estimatedSeconds: 3 * seconds(plan.reads, 3500)
      ) { [self] in
        let reads = Workload(reading: distribution, of: plan.rows, count: plan.reads)
        return ReadCases(bench: self, sides: try sharedSides(), workload: reads).getContenders
      }
    }
    let overRuns = Group(
      title: "committed reads over 64 runs", rounds: plan.readRounds, warmUpRounds: 1,
      estimatedSeconds: 3 * seconds(plan.reads, 3500)
    ) { [self] in
      let sides = try LoadedSides(self)
      try sides.commitRuns(64)
      let reads = Workload(reading: .uniq, of: plan.rows, count: plan.reads)
      return ReadCases(bench: self, sides: sides, workload: reads).getContenders
    }
    let staged = Group(
      title: "reads in a transaction", rounds: plan.readRounds, warmUpRounds: 1,
      estimatedSeconds: 9 * seconds(plan.reads, 1500)
    ) { [self] in
      let reads = Workload(reading: .uniq, of: plan.rows, count: max(plan.reads, plan.scans))
      return ReadCases(bench: self, sides: try sharedSides(), workload: reads).stagedContenders
    }
    let beside = Group(
      title: "staging beside reads", rounds: plan.readRounds, warmUpRounds: 1,
      estimatedSeconds: 3 * seconds(plan.stagingRecords, 300)
    ) { [self] in
      let records = Workload(reading: .uniq, of: plan.rows, count: plan.stagingRecords)
      return ReaderCases(
        bench: self, sides: try sharedSides(), workload: records, stagedEntries: plan.stagedEntries
      ).contenders
    }
    return gets + [overRuns, staged, beside]
  }

  private var getPutGroups: [Group] {
    Distribution.allCases.map { distribution in
      Group(
        title: "get and put, \(distribution)", rounds: plan.rounds, isSliced: plan.slicesWrites,
        estimatedSeconds: 3 * seconds(plan.getPutRecords, 5500)
      ) { [self] in
        GetPutCases(
          bench: self, workload: Workload(distribution, count: plan.getPutRecords),
          recordsPerCommit: min(10_000, plan.getPutRecords)
        ).contenders
      }
    }
  }

  private var openGroups: [Group] {
    [
      Group(title: "restore", rounds: plan.rounds, estimatedSeconds: 4 * seconds(plan.restoreRecords, 3000)) {
        [self] in
        try RestoreCases(self, Workload(.uniq, count: plan.restoreRecords), recordsPerCommit: 1000).contenders
      },
      Group(
        title: "open after SIGKILL", rounds: plan.openRounds,
        estimatedSeconds: 2 * seconds(plan.killedRecords, 15_000)
      ) { [self] in
        KilledCases(bench: self, records: plan.killedRecords, recordsPerCommit: 1000).contenders
      },
    ]
  }
}
