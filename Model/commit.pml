/*
 * The commit protocol of Tidemark, for spin: commits, runs, application, syncs, crashes, recovery, fencing.
 *
 * `Model/run` checks it, and that each variant (`#ifdef BREAK_…`) is refuted by the rule that it breaks.
 *
 * What stands for what
 *   Writer          the thread of the transaction: StateStore.open (Opening), then StoreWriter.commit one after the other
 *   Applier         a thread of the Scheduler: Materializer.apply, then Head.write
 *   init            fate: SIGKILL, loss of power, a failing sync, a flipped bit, a removed lock file
 *   raised, latch   writer-epoch: the word that is mapped, and the lock of the file (WriterEpoch)
 *   seg, batch      the file log (FileLog, LogDirectory): segments by their base offset, commit batches by number
 *   recorded        recovery-point-offset-checkpoint and the last start in leader-epoch-checkpoint
 *   start           log-start-offset-checkpoint
 *   store[].…       FileLogWriter.State, WaitingCommits, the database, HEAD, sorted runs (SortedRuns)
 *
 * What is left out
 *   Keys and values. A table is the set of commits that it holds; each commit changes both tables and takes one offset.
 *   Bytes. A batch is whole or torn; a sync covers all of it. Indexes, checkpoints and deletion below them, rebuilds.
 *   RocksDB. Table files are synced before the MANIFEST names them; a record of the MANIFEST is there as a whole or not.
 *   Sizes: with TAIL a writer may start a segment before each commit, else only at open and after a failed sync.
 *   `.interval`, which needs a clock. A file writer-epoch that is removed.
 *   Files that are replaced (HEAD and rewritten tails apart) and sorted runs that are written: one durable step each.
 *
 * A `d_step` or `atomic` is what a lock or a single call of the system makes one step. A crash may come between any two.
 */

#ifndef STORES
#define STORES 1
#endif
#ifndef COMMITS
#define COMMITS 3   /* at most; also the greatest offset */
#endif
#ifndef CRASHES
#define CRASHES 2   /* deaths of a process and losses of power, also while opening */
#endif
#ifndef FAILURES
#define FAILURES 1  /* syncs of the log that fail */
#endif
#ifndef FLIPS
#define FLIPS 0     /* durable batches in which a bit flips */
#endif
#ifndef REMOVALS
#define REMOVALS 0  /* times that somebody removes the lock file: its holder is deposed */
#endif
/* With TAIL, the log is the store's tail log: segments roll, and those below the stored offset are deleted. */

/* A rule is told by the first number of the assertion that pan prints. With ONLY, the others aren't looked at. */
#define R1 1
#define R3 3
#define R4 4
#define R5 5
#define R6 6
#define R7 7
#define R9 9
#define R13 13
#define ENDS 10     /* once crashes stop, every store opens */
#ifdef ONLY
#define RULE(rule, holds) assert(rule && (rule != ONLY || (holds)))
#else
#define RULE(rule, holds) assert(rule && (holds))
#endif

/* What isn't granted while a store opens (see Proof.md), unless asked for. */
#define SETTLED ((lock == NOBODY || store[lock].open) && (latch == NOBODY || store[latch].open))
#ifdef GAP_DROP_WHILE_OPENING
#define MAY_DROP true
#else
#define MAY_DROP SETTLED
#endif
#ifdef GAP_FLIP_WHILE_OPENING
#define MAY_FLIP true
#else
#define MAY_FLIP SETTLED
#endif

/* ---- The disk ---- */

/* What is at an offset of a segment. */
#define NONE    0   /* nothing: the file ends */
#define TORN    1   /* no intact batch */
#define DIRTY   2   /* intact, in memory of the system: a loss of power may take it, tear it or leave it */
#define LOST    3   /* the same after a failed sync, and marked as clean: another sync doesn't write it */
#define DURABLE 4
#define DAMAGED 5   /* was durable, and isn't intact any more */
#define INTACT(is) (is == DIRTY || is == LOST || is == DURABLE)

/* Whether a file has its name. */
#define NO      0
#define CACHED  1   /* until the directory is synced, a loss of power may take it */
#define SYNCED  2
#define GONE    3   /* removed: until the directory is synced, a loss of power may bring it back */
#define NAMED(base_) (seg[base_].name == CACHED || seg[base_].name == SYNCED)

typedef Segment { byte name; byte id[COMMITS]; byte is[COMMITS] };
Segment seg[COMMITS + 1];                       /* by base offset: that is their name */

/* CommitPlacement; a batch's number is its receipt. `knew` is what `durable` should be: no part of it. */
typedef Batch { byte follows; byte durable; byte epoch; byte knew };
Batch batch[COMMITS + 1];
byte batches;                                   /* so many were made */

byte recorded;
byte epochs;                                    /* the last epoch that is recorded */
#ifdef TAIL
byte start;                                     /* log-start-offset-checkpoint */
#endif

#define NOBODY 255
byte lock = NOBODY;                             /* who holds the file that is named writer.lock */
byte latch = NOBODY;                            /* who has locked writer-epoch, to recover or to change names */
byte raised;                                    /* the epoch that is mapped: in memory of the system */

typedef Database { byte first; byte second; byte offset; byte receipt };   /* two tables, and the row of `offsets` */

typedef Store {
  /* On its disk. */
  Database written;                             /* what the MANIFEST says */
  Database synced;                              /* what it says for sure; while the database is open, what it shows */
  byte head; byte headSynced;                   /* HEAD's offset */
  byte sortedFrom; byte sortedTo; byte sorted;  /* SortedRuns: commits of a restore under way */
  bool refused;                                 /* opening ended with `corrupted` or `wrongChangelog` */
  /* In memory. */
  bool down;                                    /* has died, or closed itself after a failure */
  bool open; bool busy;
  byte epoch; byte base; byte end; byte durable; byte last;
  bool nameless;                                /* the segment's name is that of another file */
  bool failing;                                 /* another's sync of the file that it recovers has failed */
  bool appending; bool syncing; bool rewriting;
  byte growing; byte applying; byte committed   /* Run that grows, runs of an Application, WaitingCommits.state */
};
Store store[STORES];
#define my store[me]

/* ---- What is promised: no part of the protocol ---- */

bool syncs;          /* Durability: `.sync`, else `.os` */
byte promised;       /* commits that were acknowledged, as far as the promise goes */
byte safe;           /* commits that durableOffset told of */
byte told;           /* where a bit flipped: the offset below which files tell that all was durable */
bool flipped;
bool lost;           /* a sync has failed, and what it should have written is in memory */
bool dropped;        /* … and isn't any more: only what is safe is promised then */
byte excused;        /* commits under `.os` that a recovery didn't find after that */
byte owner = NOBODY; /* who recovered the log last */
byte late;           /* commits that whoever recovered the log didn't find: too late, or gone before */
byte fenceBase; byte fenceEpoch;                /* the start of the last writer that opened */
byte reached[STORES];                           /* how far a store has come that nothing may take back */
#ifdef TAIL
byte gone[COMMITS];                             /* the commits that were deleted, by offset */
#endif
byte crashes = CRASHES; byte failures = FAILURES; byte flips = FLIPS; byte removals = REMOVALS;

/* Scratch of steps that nothing interrupts. */
hidden byte i; hidden byte j; hidden byte at; hidden byte b; hidden byte id; hidden byte tip; hidden byte tipEpoch;
hidden byte carried; hidden byte known; hidden byte lastBase; hidden byte set; hidden byte count;
hidden byte bad; hidden byte solid; hidden byte fenced; hidden byte first;

#define BIT(id) (1 << (id))

/* ---- Reading the log (LogCursor, FileLog+Recover) ---- */

/* first = the start of the log: its lowest segment. */
inline findFirst() {
  first = 0;
#ifdef TAIL
  do
  :: first < COMMITS && !NAMED(first) -> first++
  :: else -> break
  od;
  first = (NAMED(first) -> first : 0)
#endif
}

/* b = the segment that an offset is read from: the last that starts at or below it. */
inline segmentOf(where) {
  b = where;
  do
  :: b > 0 && !NAMED(b) -> b--
  :: else -> break
  od;
  skip
}

/* set = the commits below an offset, also deleted ones; id = the last of them; solid = those that are in the log all
   survive a loss of power. */
inline contentsBelow(limit) {
  findFirst(); set = 0; solid = true; id = 0; i = 0;
  do
#ifdef TAIL
  :: i < limit && i < first -> id = gone[i]; set = set | BIT(id); i++
#endif
  :: i < limit && i >= first ->
     segmentOf(i);
     id = seg[b].id[i]; set = set | BIT(id);
     solid = solid && seg[b].name == SYNCED && seg[b].is[i] >= DURABLE;
     i++
  :: else -> break
  od;
  skip
}

/* Follows the log; what is below the recovery point is there, but isn't checked. at = its end, tip = the last commit,
   b = the segment there, bad = there is something else behind it, set = its commits, fenced = none is of a writer that
   was deposed before. The first commit tells which one was before it. */
inline scan() {
  findFirst();
  at = first; tip = 0; tipEpoch = 0; carried = 0; set = 0; bad = false; fenced = true; b = first;
#ifdef TAIL
  if
  :: first > 0 && first < COMMITS && INTACT(seg[first].is[first]) -> tip = batch[seg[first].id[first]].follows
  :: else
  fi;
#endif
  do
  :: at == COMMITS -> break
  :: else ->
#ifdef BREAK_EPOCH_IS_IGNORED
     if
     :: INTACT(seg[b].is[at])
     :: else -> segmentOf(at)
     fi;
#else
     segmentOf(at);
#endif
     id = seg[b].id[at];
     if
     :: seg[b].is[at] == NONE -> break
     :: at >= recorded && (!INTACT(seg[b].is[at]) || batch[id].follows != tip || batch[id].epoch < tipEpoch) ->
        bad = true; break
     :: else ->
        set = set | BIT(id);
        fenced = fenced && (at < fenceBase || batch[id].epoch >= fenceEpoch);
        carried = (at >= recorded && batch[id].durable > carried -> batch[id].durable : carried);
        tip = id; tipEpoch = batch[id].epoch; at++
     fi
  od
}

/* known = below it all was durable, as far as the files tell: knownDurable, carriedDurable, laterDurable. */
inline findKnown() {
  lastBase = COMMITS;
  do
  :: lastBase > 0 && !NAMED(lastBase) -> lastBase--
  :: else -> break
  od;
  known = (recorded > lastBase -> recorded : lastBase);
  known = (carried > known -> carried : known);
#ifndef BREAK_CUT_BELOW_DURABLE
  i = at;
  do
  :: bad && i < COMMITS ->
     if
     :: INTACT(seg[b].is[i]) && batch[seg[b].id[i]].durable > known -> known = batch[seg[b].id[i]].durable
     :: else
     fi;
     i++
  :: else -> break
  od
#endif
}

/* ---- Calls of the system ---- */

/* What lies between two offsets of a segment in one state gets another. */
inline turn(base_, limit, former, latter) {
  i = base_;
  do
  :: i < limit ->
     if
     :: seg[base_].is[i] == former -> seg[base_].is[i] = latter
     :: else
     fi;
     i++
  :: else -> break
  od;
  skip
}

/* A segment has nothing from an offset on. (It uses j, so that callers may use i.) */
inline wipe(base_, from_) {
  j = from_;
  do
  :: j < COMMITS -> seg[base_].is[j] = NONE; seg[base_].id[j] = 0; j++
  :: else -> break
  od;
  skip
}

inline syncDirectory() {
  i = 0;
  do
  :: i <= COMMITS ->
     if
     :: seg[i].name == CACHED -> seg[i].name = SYNCED
#ifdef TAIL
     :: seg[i].name == GONE -> seg[i].name = NO; wipe(i, i)
#endif
     :: else
     fi;
     i++
  :: else -> break
  od;
  skip
}

/* The process is gone, by itself or by force: what it had in memory, and its lock. The disk stays as it is. */
inline die(who) {
#ifndef BREAK_LOCK_OUTLIVES
  if
  :: lock == who -> lock = NOBODY
  :: else
  fi;
#endif
  if
  :: latch == who -> latch = NOBODY
  :: else
  fi;
  store[who].down = true; store[who].open = false;
  store[who].epoch = 0; store[who].base = 0; store[who].end = 0; store[who].durable = 0; store[who].last = 0;
  store[who].nameless = false; store[who].failing = false;
  store[who].appending = false; store[who].syncing = false; store[who].rewriting = false;
  store[who].growing = 0; store[who].applying = 0; store[who].committed = 0
}

/* WriterEpoch.check: nobody else has taken the log over. */
#define CURRENT (my.epoch == raised)

/* ---- Syncing the log (FileLogWriter+Sync) ---- */

/* durableOffset = limit. */
inline tellDurable(limit) {
  my.durable = limit;
  i = my.end; id = my.last;
  do
  :: i > 0 ->
     safe = (i <= limit -> safe | BIT(id) : safe);
     id = batch[id].follows; i--
  :: else -> break
  od;
  skip
}

/* The system tells of it whoever has the file open (Linux since 4.13), and takes what it couldn't write for written. */
inline failSync() {
  failures--;
  if
  :: !my.nameless ->
     lost = true; turn(my.base, COMMITS, DIRTY, LOST); i = 0;
     do
     :: i < STORES ->
        store[i].failing = store[i].failing || (i != me && store[i].epoch > 0 && !store[i].open && store[i].base == my.base);
        i++
     :: else -> break
     od
  :: else
  fi;
  skip
}

/* Makes the log durable up to a target. Callers at the same time share one sync. A store that can't closes. */
inline sync(target) {
  if
  :: my.durable >= target
  :: d_step { !my.syncing && my.durable < target -> my.syncing = true; claimed = my.end }
     if
     :: d_step { true -> if :: !my.nameless -> turn(my.base, claimed, DIRTY, DURABLE) :: else fi }
        /* Looked at afterwards: what a deposed writer made durable doesn't count. */
        d_step {
          if
          :: CURRENT -> tellDurable(claimed); my.syncing = false
          :: else -> die(me)
          fi;
          claimed = 0
        }
     :: d_step { failures > 0 -> failSync() }
#ifdef BREAK_FAILED_SYNC_IS_CLEAN
        d_step { tellDurable(claimed); my.syncing = false; claimed = 0 }
#else
        rewriteTail()
#endif
     fi
  fi
}

/* Whoever holds the segment of that name goes on in a file without one. */
inline takeName(base_) {
  i = 0;
  do
  :: i < STORES ->
     store[i].nameless = i != me && (store[i].nameless || (store[i].epoch > 0 && store[i].base == base_)); i++
  :: else -> break
  od;
  skip
}

inline unlatch() {
  if
  :: latch == me -> latch = NOBODY
  :: else
  fi
}

/* What a failed sync should have written goes to a segment of its own, and counts once its name is durable, too. */
inline rewriteTail() {
  d_step { !my.appending -> my.rewriting = true; claimed = 0 }
  /* The tail is read back, and written to a file that is synced. It takes the name while nobody can take the log over. */
  if
  :: d_step { true -> die(me) }                 /* any of that fails: the commits are `commitUnknown` */
  :: d_step {
       !my.nameless -> solid = true; i = my.durable;
       do
       :: i < my.end -> solid = solid && INTACT(seg[my.base].is[i]); i++
       :: else -> break
       od;
       if
       :: !solid -> die(me)
       :: else
       fi
     };
#ifdef BREAK_RENAME_AFTER_A_LOOK
     d_step {
       true ->
       if
       :: CURRENT
       :: else -> die(me)
       fi
     };
#endif
     d_step {
#if defined BREAK_RENAME_THOUGH_DEPOSED || defined BREAK_RENAME_AFTER_A_LOOK
       true ->
#else
       !CURRENT || latch == NOBODY ->
       if
       :: CURRENT -> latch = me
       :: else -> die(me)
       fi;
#endif
       if
       :: my.down
       :: !my.down ->
          /* A file that takes the place of another counts once the name is durable. */
          solid = my.durable > my.base || my.nameless;
          seg[my.durable].name = (NAMED(my.durable) -> seg[my.durable].name : CACHED); takeName(my.durable);
          i = my.end; id = my.last;
          do
          :: i > my.durable ->
             i--; seg[my.durable].id[i] = id; seg[my.durable].is[i] = (solid -> DURABLE : DIRTY); id = batch[id].follows
          :: else -> break
          od
       fi
     }
  fi;
  d_step {
#ifndef BREAK_REWRITTEN_NAME_IS_LOST
     syncDirectory(); turn(my.durable, my.end, DIRTY, DURABLE);
#endif
     my.base = my.durable; tellDurable(my.end); my.rewriting = false; my.syncing = false; unlatch()
  }
}

/* ---- The database and HEAD (Applier.install, Ingestion.cc, Head.write) ---- */

/* count = how many commits a table holds. */
inline countOf(table) {
  count = 0; i = 1;
  do
  :: i <= COMMITS -> count = count + (((table) >> i) & 1); i++
  :: else -> break
  od;
  skip
}

/* What a crash at this moment may leave, or leaves. */
inline checkDisk() {
  countOf(my.written.first); RULE(R1, count == my.written.offset);
  countOf(my.written.second); RULE(R1, count == my.written.offset);
  contentsBelow(my.written.offset);
  RULE(R3, solid);
  RULE(R4, my.written.first == set && my.written.second == set && my.written.receipt == id)
}

/* What readers see: runs over the database. */
inline checkView() {
  countOf(my.synced.first | my.applying | my.growing); RULE(R1, count == my.committed);
  countOf(my.synced.second | my.applying | my.growing); RULE(R1, count == my.committed)
}

/* Table files and the row of `offsets` are taken in by one record of the MANIFEST, which is synced. */
inline install(commits, offset_, receipt_) {
#ifdef BREAK_OFFSET_APART
  d_step { my.written.first = my.written.first | commits; my.written.second = my.written.second | commits; checkDisk() };
#endif
#ifdef BREAK_TABLES_ONE_BY_ONE
  d_step { my.written.first = my.written.first | commits; my.written.offset = offset_; checkDisk() };
#endif
  d_step {
    RULE(R9, (commits & late) == 0);
    my.written.first = my.written.first | commits; my.written.second = my.written.second | commits;
    my.written.offset = offset_; my.written.receipt = receipt_;
    checkDisk()
  };
  d_step {
    my.synced.first = my.written.first; my.synced.second = my.written.second;
    my.synced.offset = my.written.offset; my.synced.receipt = my.written.receipt;
    reached[me] = my.synced.offset
  }
}

/* HEAD is replaced: its new file takes the name, and then that is durable. */
inline writeHead(offset_) {
  if
  :: my.headSynced == offset_
  :: d_step { my.headSynced != offset_ -> my.head = offset_ };
     my.headSynced = offset_
  fi
}

#ifdef TAIL
#define FORGET_DELETION below = 0; doomed = 0
#else
#define FORGET_DELETION skip
#endif

/* FileLog.deleteCommits: segments that lie below what is stored and below what is durable, one after the other. The first
   commit of the segment that stays tells the receipt of the commit before it: so that must be durable. */
inline deleteBelow(offset_) {
  d_step {
    findFirst(); doomed = first; below = 0; i = 1; j = first;
    do
    :: i <= COMMITS ->
       if
#ifdef BREAK_DELETE_AT_THE_OFFSET
       :: NAMED(i) && i > j && j <= offset_ && i < my.durable -> below = i
#else
#ifdef BREAK_DELETE_BELOW_WHAT_IS_NOT_DURABLE
       :: NAMED(i) && i > j && i <= offset_ -> below = i
#else
       :: NAMED(i) && i > j && i <= offset_ && i < my.durable -> below = i
#endif
#endif
       :: else
       fi;
       j = (NAMED(i) -> i : j); i++
    :: else -> break
    od;
#ifndef BREAK_DELETE_BEFORE_THE_START_IS_RECORDED
    if
    :: doomed < below -> start = below; syncDirectory()
    :: else
    fi
#endif
  };
  do
  :: d_step {
       doomed < below ->
       seg[doomed].name = GONE; i = doomed;
       do
       :: i < COMMITS && (i == doomed || !NAMED(i)) ->
          gone[i] = seg[doomed].id[i];
          RULE(R13, (BIT(gone[i]) & ~my.synced.first) == 0);
          i++
       :: else -> break
       od;
       doomed = i
     };
#ifndef BREAK_DELETIONS_ARE_SYNCED_TOGETHER
     d_step { true -> syncDirectory() }
#endif
  :: doomed >= below -> break
  od;
#ifdef BREAK_DELETE_BEFORE_THE_START_IS_RECORDED
  start = (below > start -> below : start);
#endif
  atomic { FORGET_DELETION }
}

/* Maintenance: brings the runs into the database, and HEAD after it. */
proctype Applier(byte me) {
  byte claimed; byte upTo; byte receipt;
#ifdef TAIL
  byte below; byte doomed;
#endif
end:
  do
  :: {
       /* WaitingCommits.beginApplication */
       d_step {
         my.open && my.growing > 0 ->
         my.busy = true; my.applying = my.growing; my.growing = 0; upTo = my.committed;
         receipt = (my.end == upTo -> my.last : batch[my.last].follows)
       }
#ifndef BREAK_SYNC_BEFORE_INGEST
       sync(upTo);                              /* LogBarrier.raise */
#endif
#ifdef BREAK_HEAD_EARLY
       writeHead(upTo);
#endif
#ifdef BREAK_RUNS_GO_FIRST
       d_step { my.applying = 0; checkView() };
#endif
#ifdef BREAK_OFFSET_EARLY
       d_step { upTo = my.committed; receipt = (my.end == upTo -> my.last : batch[my.last].follows) };
#endif
#ifdef BREAK_DELETE_FIRST
       deleteBelow(upTo);
#endif
#ifdef BREAK_OFFSET_LATE
       install(my.applying, upTo - 1, batch[receipt].follows);
#else
       install(my.applying, upTo, receipt);
#endif
       d_step { my.applying = 0; checkView() }  /* WaitingCommits.end */
#ifdef TAIL
#ifdef BREAK_DELETE_BELOW_THE_LAST_COMMIT
       deleteBelow(my.committed);
#else
       deleteBelow(upTo);
#endif
#endif
       d_step { upTo = 0; receipt = 0; my.head = my.synced.offset };
       d_step { my.headSynced = my.head; my.busy = false }
     } unless { d_step { my.down && my.busy -> my.busy = false; claimed = 0; upTo = 0; receipt = 0; FORGET_DELETION } }
  od
}

/* ---- Opening (StateStore.open, FileLog.openWriter, Restore) ---- */

/* Damage, or a log that isn't the store's: an error, and nothing is changed. A crash alone never leads here. */
inline refuse() {
  RULE(R5, flipped);
  my.refused = true; die(me)
}

/* The stores are alike, so the first to open may as well be store 0. */
#define IN_TURN (me == 0 || epochs > 0)

#ifdef BREAK_RECOVER_TOGETHER
#define UNLATCHED true
#else
#define UNLATCHED (latch == NOBODY)
#endif

/* No former writer acknowledges anything from here on. */
inline raise() {
  my.epoch = (raised > epochs -> raised : epochs) + 1; raised = my.epoch
}

/* Takes the lock and raises the epoch, checks what is there against each other, and finds the end of the log. */
inline check() {
  d_step {
    lock == NOBODY && UNLATCHED && IN_TURN -> lock = me; latch = me;
#ifndef BREAK_RAISE_LATE
    raise()
#endif
  };
  d_step {
    if
    :: my.written.offset > 0 ->
       segmentOf(my.written.offset - 1);
       j = (INTACT(seg[b].is[my.written.offset - 1]) -> seg[b].id[my.written.offset - 1] : 0)
    :: else -> j = 0
    fi;
#ifdef TAIL
    findFirst();
    if
    :: first > 0 && my.written.offset == first ->
#ifdef BREAK_START_TELLS_NO_RECEIPT
       j = 0
#else
       /* What the first commit follows. */
       j = (first < COMMITS && INTACT(seg[first].is[first]) -> batch[seg[first].id[first]].follows : 0)
#endif
    :: first > my.written.offset -> j = NOBODY
    :: else
    fi;
#endif
    scan(); findKnown();
#ifdef TAIL
    set = set | my.written.first;
#endif
    promised = (dropped && !syncs -> promised & safe : promised);
#if STORES > 1
    excused = (dropped && !syncs -> excused | (((1 << (batches + 1)) - 2) & ~set) : excused);
#endif
    dropped = false;
    RULE(R6, flipped || (promised & ~set) == 0);
    if
    :: my.written.offset < my.head || my.written.offset > at || my.written.receipt != j ||
#ifdef TAIL
       first > start || (at > 0 && tip == 0) ||
#endif
       (bad && b != lastBase) || at < known -> refuse()
    :: else ->
       RULE(R7, at >= told);
       RULE(R9, fenced);
       my.end = at; my.last = tip; my.base = lastBase;
       tail = bad || at > known;
       owner = me; late = ((1 << (batches + 1)) - 2) & ~set
    fi
  };
#ifdef BREAK_RAISE_LATE
  d_step { true -> raise() }
#endif
}

/* Cuts the log behind its last intact batch, writes the rest again, and syncs it. */
inline makeDurable() {
  if
  :: tail ->
     d_step {
       my.failing = false; wipe(my.base, my.end);
#ifndef BREAK_RECOVERY_WRITES_NOTHING
       turn(my.base, my.end, LOST, DIRTY)
#endif
     };
#ifndef BREAK_RECOVERY_DOES_NOT_SYNC
     if
     :: d_step { !my.failing -> turn(my.base, my.end, DIRTY, DURABLE); syncDirectory() }
     :: d_step { failures > 0 -> failSync(); die(me) }
     :: d_step { my.failing -> die(me) }
     fi;
#endif
     tail = false
  :: else
  fi
}

/* Records the epoch and the recovery point: everything below is durable. Starts a segment, or goes on in a copy. */
inline startSegment() {
  d_step {
    recorded = my.end; epochs = my.epoch; syncDirectory();
    contentsBelow(my.end); RULE(R7, solid); safe = safe | set
  };
  /* Whoever holds that name goes on in a file without one. */
  if
  :: d_step {
       true -> seg[my.end].name = (NAMED(my.end) -> seg[my.end].name : CACHED); wipe(my.end, my.end);
       takeName(my.end)
     }
  :: d_step { my.base < my.end -> wipe(my.base, my.end); takeName(my.base) }
  fi;
  d_step {
#ifndef BREAK_SEGMENT_NAME_IS_LOST
    syncDirectory();
#endif
    my.failing = false; my.base = (NAMED(my.end) -> my.end : my.base); my.durable = my.end;
    fenceBase = my.end; fenceEpoch = my.epoch; unlatch()
  }
}

/* id = the commit at an offset, if it can be read. */
inline read(where) {
  segmentOf(where);
  id = seg[b].id[where]; bad = !INTACT(seg[b].is[where])
}

/* Opens the database, and replays what the log has behind it: into memory, or as sorted runs that are merged. */
inline restore() {
  d_step {
#ifdef BREAK_WIPE
    my.written.first = 0; my.written.second = 0; my.written.offset = 0; my.written.receipt = 0; my.head = 0; my.headSynced = 0;
#endif
    my.synced.first = my.written.first; my.synced.second = my.written.second;
    my.synced.offset = my.written.offset; my.synced.receipt = my.written.receipt;
    from = my.synced.offset;
#ifdef BREAK_REPLAY_FROM_ZERO
    from = 0;
#endif
#ifdef BREAK_REPLAY_LATE
    from = (from < my.end -> from + 1 : from);
#endif
    if
#ifndef BREAK_FORGET_SORTED_RUNS
    :: my.sorted > 0 && my.sortedFrom == my.synced.offset -> from = my.sortedTo
#endif
    :: else -> my.sorted = 0; my.sortedFrom = 0; my.sortedTo = 0
    fi;
    RULE(R5, from >= reached[me])
  };
  if
  :: d_step {
       my.sorted == 0 -> i = from; set = 0; bad = false;
       do
       :: i < my.end && !bad -> read(i); set = set | BIT(id); i++
       :: else -> break
       od;
       if
       :: bad -> refuse()
       :: else -> RULE(R5, (set & my.synced.first) == 0); my.growing = set
       fi
     }
  :: my.sorted > 0 || from < my.end ->
     do
     :: d_step {
          from < my.end -> read(from);
          if
          :: bad -> refuse()
          :: else ->
             RULE(R5, (BIT(id) & (my.sorted | my.synced.first)) == 0);
             from++; my.sorted = my.sorted | BIT(id); my.sortedFrom = my.synced.offset; my.sortedTo = from;
             reached[me] = from
          fi
        }
     :: from == my.end -> break
     od;
     install(my.sorted, my.end, my.last);
     writeHead(my.synced.offset);
     d_step { my.sorted = 0; my.sortedFrom = 0; my.sortedTo = 0 }
  fi;
  writeHead(my.synced.offset);
  d_step { from = 0; my.committed = my.end; my.open = true; checkView() }
}

/* ---- Committing (StoreWriter.commit, FileLogWriter.append) ---- */

inline commit() {
#ifdef BREAK_LOOK_FIRST
  d_step {
    batches < COMMITS ->
    if
    :: CURRENT
    :: else -> die(me)
    fi
  };
end_looked:
#endif
  d_step {
    batches < COMMITS && !my.rewriting ->
    batches++; mine = batches; my.appending = true;
    batch[mine].follows = my.last; batch[mine].epoch = my.epoch; batch[mine].knew = my.durable;
#ifndef BREAK_DURABLE_OFFSET_IS_LEFT_OUT
    batch[mine].durable = my.durable;
#endif
#ifdef BREAK_ACKNOWLEDGE_FIRST
    promised = promised | BIT(mine);
#endif
    if
    :: !my.nameless -> seg[my.base].id[my.end] = mine; seg[my.base].is[my.end] = TORN
    :: else
    fi
  };
  d_step {
    if
    :: !my.nameless -> seg[my.base].id[my.end] = mine; seg[my.base].is[my.end] = DIRTY
    :: else
    fi;
    late = (owner != me -> late | BIT(mine) : late)
  };
  d_step {
    if
#if defined BREAK_LOOK_FIRST || defined BREAK_NO_LOOK
    :: true -> my.end++; my.last = mine; my.appending = false
#else
    :: CURRENT -> my.end++; my.last = mine; my.appending = false
    :: else -> die(me)                          /* fenced */
#endif
    fi
  };
#ifndef BREAK_ACKNOWLEDGE_BEFORE_SYNC
  if
  :: syncs -> sync(my.end)
  :: !syncs
  fi;
#endif
  /* It joins the run that grows, readers are told, and the commit returns. */
  d_step {
    my.growing = my.growing | BIT(mine); my.committed = my.end; checkView();
    RULE(R9, (late & BIT(mine)) == 0 || (!syncs && (excused & BIT(mine)) > 0));
    promised = promised | (BIT(mine) & ~late); mine = 0
  }
}

/* Goes on in another segment: all below its start is durable. */
inline roll() {
  my.end > my.base && batches < COMMITS;
#ifndef BREAK_ROLL_BEFORE_SYNC
  sync(my.end);
#endif
  d_step {
#ifndef BREAK_ROLL_BEFORE_SYNC
    my.durable == my.end &&
#endif
    !my.rewriting && UNLATCHED -> my.appending = true;
    if
    :: CURRENT -> latch = me; seg[my.end].name = (NAMED(my.end) -> seg[my.end].name : CACHED)
    :: else -> die(me)
    fi
  };
  d_step {
#ifndef BREAK_ROLLED_NAME_IS_LOST
    syncDirectory();
#endif
    my.base = my.end; my.appending = false; unlatch()
  }
}

proctype Writer(byte me) {
  byte claimed; byte mine; byte from; bool tail;
end_refused:
  do
  :: !my.refused ->
end_locked:
     {
       check(); makeDurable(); startSegment(); restore();
end_idle:
       do
       :: commit()
#ifdef TAIL
       :: roll()
#endif
       od
     } unless {
       d_step { my.down -> claimed = 0; mine = 0; from = 0; tail = false };
       d_step { !my.busy -> my.down = false }
     }
  od
}

/* ---- Fate ---- */


#define DIFFERENT(k) (store[k].written.first != store[k].synced.first || \
  store[k].written.second != store[k].synced.second || store[k].written.offset != store[k].synced.offset)

/* All processes die. What wasn't synced is there, torn, or gone, each for itself. */
inline losePower() {
  atomic {
    crashes > 0 -> crashes--; k = 0;
    do
    :: k < STORES ->
       die(k);
       if
       :: store[k].synced.first = store[k].written.first; store[k].synced.second = store[k].written.second;
          store[k].synced.offset = store[k].written.offset; store[k].synced.receipt = store[k].written.receipt
       :: DIFFERENT(k) ->
          store[k].written.first = store[k].synced.first; store[k].written.second = store[k].synced.second;
          store[k].written.offset = store[k].synced.offset; store[k].written.receipt = store[k].synced.receipt
       fi;
       if
       :: store[k].headSynced = store[k].head
       :: store[k].head != store[k].headSynced -> store[k].head = store[k].headSynced
       fi;
       k++
    :: else -> break
    od;
    k = 0;
    do
    :: k <= COMMITS ->
       if
       :: seg[k].name == CACHED -> seg[k].name = SYNCED
       :: seg[k].name == CACHED || seg[k].name == GONE -> seg[k].name = NO
#ifdef TAIL
       :: seg[k].name == GONE -> seg[k].name = SYNCED
#endif
       :: else
       fi;
       rest = false; n = COMMITS;
       do
       :: n > k && seg[k].name == NO -> n--; seg[k].is[n] = NONE; seg[k].id[n] = 0
       :: n > k && seg[k].name != NO ->
          n--;
          if
          :: seg[k].is[n] == DIRTY || seg[k].is[n] == LOST -> seg[k].is[n] = DURABLE
          :: seg[k].is[n] == DIRTY || seg[k].is[n] == LOST || (rest && seg[k].is[n] == NONE) -> seg[k].is[n] = TORN
          :: !rest && seg[k].is[n] >= TORN && seg[k].is[n] <= LOST -> seg[k].is[n] = NONE; seg[k].id[n] = 0
          :: seg[k].is[n] == TORN || seg[k].is[n] >= DURABLE || (!rest && seg[k].is[n] == NONE)
          fi;
          rest = rest || seg[k].is[n] != NONE
       :: else -> break
       od;
       k++
    :: else -> break
    od;
    promised = (syncs -> promised : promised & safe); raised = epochs;
    k = 0; n = 0; rest = false; lost = false; dropped = false
  }
}
/* A bit flips in a batch that is durable. */
inline flip(where) {
  d_step {
    where < COMMITS && flips > 0 && MAY_FLIP ->
    flips--; segmentOf(where);
    if
    :: seg[b].is[where] == DURABLE -> flipped = true; seg[b].is[where] = DAMAGED
    :: else
    fi;
    told = (flipped -> recorded : 0); i = 0;
    do
    :: i < COMMITS ->
       segmentOf(i); id = seg[b].id[i];
       if
       :: flipped && seg[b].is[i] == DURABLE && seg[b].name == SYNCED && batch[id].knew > told -> told = batch[id].knew
       :: else
       fi;
       i++
    :: else -> break
    od;
    skip
  }
}

init {
  byte k; byte n; bool rest;
  if
  :: syncs = true
  :: syncs = false
  fi;
  atomic { k = 0; do :: k < STORES -> run Writer(k); run Applier(k); k++ :: else -> break od; k = 0 }
  do
  :: losePower()
  :: d_step { crashes > 0 && !store[0].down && !store[0].refused -> crashes--; die(0) }
#if STORES > 1
  :: d_step { crashes > 0 && !store[1].down && !store[1].refused -> crashes--; die(1) }
#endif
#if FAILURES
  :: d_step {                                   /* pages that a failed sync has marked as clean are dropped */
       lost && MAY_DROP -> lost = false; k = 0;
       do
       :: k <= COMMITS -> turn(k, COMMITS, LOST, TORN); k++
       :: else -> break
       od;
       k = 0; dropped = true
     }
#endif
#if FLIPS
  :: flip(0)
  :: flip(1)
  :: flip(2)
#endif
#if REMOVALS
  :: d_step {
       removals > 0 && lock != NOBODY -> removals--; lock = NOBODY
     }
#endif
  :: timeout -> break
  od;
  do
  :: k < STORES ->
     RULE(ENDS, store[k].open || store[k].refused || (lock != NOBODY && store[lock].open));
     RULE(ENDS, !store[k].open || (store[k].growing == 0 && store[k].headSynced == store[k].end));
     k++
  :: else -> break
  od
}
