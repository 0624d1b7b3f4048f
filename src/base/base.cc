// base is header-only; this file checks that each of its headers stands alone.
#include "cleave/base/ids.h"
#include "cleave/base/limits.h"
#include "cleave/base/random.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"
