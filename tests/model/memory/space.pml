// Harts that enter spaces while others change them: docs/locks.md, "Entering a space while somebody flushes it".
//
// Two harts and two spaces, whose VMIDs are dealt in generations.  A hart's TLB keeps under each VMID whatever it
// found there, until the fence for that VMID; it walks the tables that hgatp names between any two steps.  Each
// space has one page, which is mapped, or owed while it is flushed, or somebody else's.  `MUTANT` leaves out one
// step of the protocol; then the check must fail.

#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef UNMAPPERS
#define UNMAPPERS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#define SPACES 2
#define HARTS 2
#define LAST_VMID 2         // VMIDs 1 and 2: both spaces fit, until somebody is born or dies
#define MOST_GENERATIONS 2  // of a run
#define NOBODY 3

#define BIT(n) (1 << (n))
#define TAG(generation, vmid) ((generation) * 4 + (vmid))
#define GENERATION(tag) ((tag) / 4)
#define VMID(tag) ((tag) % 4)

byte entered[SPACES], cached[SPACES], tag[SPACES];
byte generation = 0, next_vmid = LAST_VMID + 1;
bool dealing = false, changing[SPACES];  // the locks

bool is_mapped[SPACES] = true, is_lost[SPACES];

// What hgatp says, and what the hart keeps: bit `space` of tlb[hart * 4 + vmid].
byte runs[HARTS] = NOBODY, vmid_of[HARTS];
byte tlb[HARTS * 4];

// A message of a flush, and how many have not answered it.
byte asked[HARTS * SPACES], left[SPACES];

// The guest's access, or the hart's guess: it finds what is kept under its VMID, and what is in the table.
inline look(hart) {
    atomic {
        runs[hart] != NOBODY && is_mapped[runs[hart]] && !(tlb[hart * 4 + vmid_of[hart]] & BIT(runs[hart])) ->
        tlb[hart * 4 + vmid_of[hart]] = tlb[hart * 4 + vmid_of[hart]] | BIT(runs[hart])
    }
}
// Core::serve_flushes: hfence.gvma for the VMID, where it runs in the space.
inline answer(which) {
    if
    :: serves == which && MUTANT != 1 -> tlb[me * 4 + vmid_of[me]] = 0
    :: else
    fi;
    asked[me * SPACES + which] = 0;
    left[which]--
}
inline access(hart) {
    atomic {
        runs[hart] != NOBODY ->
        // Nothing of another space, and no page that is somebody else's.
        assert((tlb[hart * 4 + vmid_of[hart]] & ~BIT(runs[hart])) == 0);
        assert(!(is_lost[runs[hart]] && (tlb[hart * 4 + vmid_of[hart]] & BIT(runs[hart]))));
    }
}

active proctype Walker() {
end:
    do
    :: look(0)
    :: look(1)
    od
}

proctype Hart(byte me) {
    byte serves = NOBODY, other = NOBODY, next, before, was, space;
    bool must_fence;
end:
    do
    :: runs[me] != NOBODY -> access(me)

    // Core::serve_flushes
    :: asked[me * SPACES] || asked[me * SPACES + 1] -> goto serve

    // HartView::enter
    :: atomic { serves != 0 -> next = 0 }; goto enter
    :: atomic { serves != 1 -> next = 1 }; goto enter

    // Space::unmap, and Observers::flush
    :: atomic { me < UNMAPPERS && !changing[me] && !is_lost[me] -> changing[me] = true; space = me }; goto unmap

    // Somebody maps it again, with a page that is its own.
    :: atomic { me < UNMAPPERS && !changing[me] && is_lost[me] -> is_lost[me] = false; is_mapped[me] = true }

    // HartView::leave
    :: atomic { DEATHS && serves != NOBODY -> other = serves; serves = NOBODY; runs[me] = NOBODY };
       atomic { entered[other] = entered[other] & ~BIT(me); other = NOBODY }

    // A space dies and another is born in its place, without a tag.
    :: atomic {
           DEATHS && !dealing && entered[1] == 0 && !changing[1] && tag[1] != 0 && generation < MOST_GENERATIONS ->
           assert(runs[0] != 1 && runs[1] != 1);  // its tables are somebody else's
           tag[1] = 0; cached[1] = 0
       }
    od;

serve:
    do
    :: atomic { asked[me * SPACES] -> answer(0) }
    :: atomic { asked[me * SPACES + 1] -> answer(1) }
    :: atomic { !asked[me * SPACES] && !asked[me * SPACES + 1] -> break }
    od;
    goto end;

enter:
    if
    :: MUTANT == 2
    :: MUTANT != 2 -> entered[next] = entered[next] | BIT(me)
    fi;
again:
    before = tag[next];
    if
    :: before != 0 && GENERATION(before) == generation
    :: else ->
           // Tags::renew
           if
           :: atomic { !dealing -> dealing = true }
                  fi;
           if
           :: tag[next] != 0 && GENERATION(tag[next]) == generation
           :: else ->
                  if
                  :: next_vmid > LAST_VMID && generation < MOST_GENERATIONS -> generation++; next_vmid = 1
                  :: next_vmid > LAST_VMID && generation == MOST_GENERATIONS ->
                         dealing = false;
                         entered[next] = entered[next] & ~BIT(me);
                         next = 0; before = 0; was = 0; must_fence = false;
                         goto end
                  :: else
                  fi;
                  if
                  :: MUTANT == 4 -> tag[next] = TAG(generation, next_vmid); cached[next] = 0
                  :: MUTANT == 3 -> tag[next] = 0; tag[next] = TAG(generation, next_vmid)
                  :: else -> tag[next] = 0; cached[next] = 0; tag[next] = TAG(generation, next_vmid)
                  fi;
                  next_vmid++
           fi;
           dealing = false;
           goto again
    fi;
    atomic {
        was = cached[next] & BIT(me);
        cached[next] = cached[next] | BIT(me);
        must_fence = must_fence || was == 0
    };
    if
    :: tag[next] != before && MUTANT != 10 -> must_fence = true; goto again
    :: else
    fi;
    atomic { other = serves; serves = next };
    if
    :: MUTANT == 5 && other != NOBODY -> entered[other] = entered[other] & ~BIT(me)
    :: else
    fi;
    if
    :: MUTANT == 2 -> entered[next] = entered[next] | BIT(me)
    :: MUTANT != 2
    fi;
    atomic { runs[me] = next; vmid_of[me] = VMID(before) };  // hgatp
    if
    :: must_fence && MUTANT != 6 -> tlb[me * 4 + vmid_of[me]] = 0
    :: else
    fi;
    if
    :: other != NOBODY && MUTANT != 5 -> entered[other] = entered[other] & ~BIT(me)
    :: else
    fi;
    atomic { other = NOBODY; before = 0; was = 0; next = 0; must_fence = false };
    goto end;

unmap:
    is_mapped[space] = false;
    if
    :: MUTANT == 7 || MUTANT == 8
    :: else -> cached[space] = 0
    fi;
    was = entered[space];
    if
    :: MUTANT == 8 -> cached[space] = 0
    :: else
    fi;
    // This hart by itself, the other by a message.
    if
    :: (was & BIT(me)) && serves == space -> tlb[me * 4 + vmid_of[me]] = 0
    :: else
    fi;
    if
    :: was & BIT(1 - me) -> atomic { left[space]++; asked[(1 - me) * SPACES + space] = 1 }
    :: else
    fi;
    // While it waits it serves what the other asks.
    do
    :: left[space] == 0 -> break
    :: atomic { left[space] != 0 && asked[me * SPACES + 1 - space] && MUTANT != 9 -> answer(1 - space) }
    od;
    atomic { is_lost[space] = true; changing[space] = false; space = 0; was = 0 };
    goto end
}

init {
    atomic {
        run Hart(0);
        run Hart(1)
    }
}
