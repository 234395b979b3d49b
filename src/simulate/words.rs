//! The words of the played estate: names of places, sensors and troubles, and each tenant's own status names.
//! Data only; who picks from it is `estate`, `matrix` and `urgent`.

/// A kind of zone, the sensor that watches it, and what goes wrong there.
pub(super) struct ZoneKind {
    /// Name without its level ("Male Washroom").
    pub(super) name: &'static str,
    /// Middle part of a sensor's alias ("M" in "AQ-L2-M-01").
    pub(super) code: &'static str,
    /// What can happen: (source type, alias prefix, incident name, event description, priority).
    pub(super) troubles: &'static [Trouble],
}

/// One way a zone calls for help.
pub(super) struct Trouble {
    /// Source type, Matrix's `By`.
    pub(super) by: &'static str,
    /// Prefix of the source's alias.
    pub(super) alias: &'static str,
    /// Name of the incident.
    pub(super) name: &'static str,
    /// Description on the event's envelope.
    pub(super) description: &'static str,
    /// Priority as the routing key spells it.
    pub(super) priority: Priority,
    /// What an engineer would be called for, where a cleaner does not suffice.
    pub(super) defect: &'static str,
}

/// Matrix's four priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    High,
    Medium,
    Normal,
    Low,
}

impl Priority {
    /// As in the routing key.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Normal => "NORMAL",
            Self::Low => "LOW",
        }
    }

    /// As in `Meta.Priority`.
    pub(super) fn code(self) -> &'static str {
        &self.word()[..1]
    }

    /// Seconds from `Start` to `End`.
    pub(super) fn window(self) -> i64 {
        match self {
            Self::High => 900,
            Self::Medium => 1200,
            Self::Normal => 1800,
            Self::Low => 3600,
        }
    }
}

const fn trouble(
    by: &'static str,
    alias: &'static str,
    name: &'static str,
    description: &'static str,
    priority: Priority,
    defect: &'static str,
) -> Trouble {
    Trouble {
        by,
        alias,
        name,
        description,
        priority,
        defect,
    }
}

const WASHROOM: &[Trouble] = &[
    trouble(
        "AQ Lite",
        "AQ",
        "Bad smell in washroom",
        "Ammonia level above threshold",
        Priority::High,
        "Extractor fan not running; smell alarm raised",
    ),
    trouble(
        "People Counter",
        "PC",
        "Washroom heavily used",
        "Visits since last clean above threshold",
        Priority::Normal,
        "Automatic door does not close",
    ),
    trouble(
        "Feedback Panel",
        "FB",
        "Wet floor reported",
        "User feedback: wet floor",
        Priority::Medium,
        "Leaking wash basin trap",
    ),
    trouble(
        "Soap Sensor",
        "SO",
        "Soap running out",
        "Soap level below 15 %",
        Priority::Low,
        "Soap dispenser motor jammed",
    ),
    trouble(
        "Water Leak Sensor",
        "WL",
        "Water on washroom floor",
        "Water detected at floor level",
        Priority::High,
        "Cistern overflowing",
    ),
    trouble(
        "Paper Sensor",
        "PT",
        "Toilet paper running out",
        "Paper roll below 10 %",
        Priority::Low,
        "Paper holder torn off the wall",
    ),
];

const LOBBY: &[Trouble] = &[
    trouble(
        "People Counter",
        "PC",
        "Lobby heavily used",
        "Footfall since last clean above threshold",
        Priority::Normal,
        "Revolving door stops intermittently",
    ),
    trouble(
        "AQ Lite",
        "AQ",
        "Stuffy air in lobby",
        "CO2 level above threshold",
        Priority::Medium,
        "Air curtain blows cold",
    ),
    trouble(
        "Cleaner App",
        "APP",
        "Spill on floor",
        "Reported by a cleaner",
        Priority::High,
        "Cracked floor tile is a trip hazard",
    ),
];

const PANTRY: &[Trouble] = &[
    trouble(
        "Bin Sensor",
        "BN",
        "Bin almost full",
        "Fill level above 85 %",
        Priority::Normal,
        "Bin lid hinge broken",
    ),
    trouble(
        "Water Leak Sensor",
        "WL",
        "Leak under pantry sink",
        "Water detected under sink",
        Priority::High,
        "Waste pipe under sink leaks",
    ),
    trouble(
        "Supervisor App",
        "APP",
        "Coffee spill",
        "Reported by a supervisor",
        Priority::Low,
        "Dishwasher shows error E24",
    ),
];

const MEETING: &[Trouble] = &[
    trouble(
        "AQ Lite",
        "AQ",
        "Stuffy air in meeting room",
        "CO2 level above threshold",
        Priority::Medium,
        "Fan coil unit rattles",
    ),
    trouble(
        "Occupancy Sensor",
        "OC",
        "Room due for cleaning",
        "Room vacated after long use",
        Priority::Low,
        "Ceiling light flickers",
    ),
];

const REFUSE: &[Trouble] = &[
    trouble(
        "Bin Sensor",
        "BN",
        "Compactor almost full",
        "Fill level above 90 %",
        Priority::Normal,
        "Compactor ram does not return",
    ),
    trouble(
        "AQ Lite",
        "AQ",
        "Bad smell in refuse room",
        "H2S level above threshold",
        Priority::High,
        "Refuse room ventilation tripped",
    ),
];

/// The zones a level can have; washrooms come first, so every level has some.
pub(super) const ZONE_KINDS: &[ZoneKind] = &[
    ZoneKind {
        name: "Male Washroom",
        code: "M",
        troubles: WASHROOM,
    },
    ZoneKind {
        name: "Female Washroom",
        code: "F",
        troubles: WASHROOM,
    },
    ZoneKind {
        name: "Pantry",
        code: "P",
        troubles: PANTRY,
    },
    ZoneKind {
        name: "Lift Lobby",
        code: "LB",
        troubles: LOBBY,
    },
    ZoneKind {
        name: "Accessible Washroom",
        code: "A",
        troubles: WASHROOM,
    },
    ZoneKind {
        name: "Meeting Room North",
        code: "MN",
        troubles: MEETING,
    },
    ZoneKind {
        name: "Meeting Room South",
        code: "MS",
        troubles: MEETING,
    },
    ZoneKind {
        name: "Refuse Room",
        code: "R",
        troubles: REFUSE,
    },
];

/// Names of properties with an English-speaking tenant.
pub(super) const ENGLISH_PROPERTIES: &[&str] = &[
    "Canal Estate",
    "Foundry Park",
    "Observatory Campus",
    "Harbour Exchange",
];
/// Names of properties with a French-speaking tenant.
pub(super) const FRENCH_PROPERTIES: &[&str] = &[
    "Domaine des Tanneurs",
    "Parc de la Confluence",
    "Cité des Imprimeurs",
];

/// Streets of the English properties.
pub(super) const ENGLISH_STREETS: &[&str] = &[
    "Canal Wharf",
    "Foundry Row",
    "Lock Lane",
    "Observatory Street",
    "Harbour Square",
    "Cooper's Yard",
    "Granary Road",
];
/// Streets of the French properties.
pub(super) const FRENCH_STREETS: &[&str] = &[
    "rue des Tanneurs",
    "quai Rambaud",
    "rue de l'Imprimerie",
    "place du Marché",
    "allée des Soies",
];

/// What a tenant calls things, in its users' language.
pub(super) struct Tongue {
    pub(super) dispatched: &'static str,
    pub(super) accepted: &'static str,
    pub(super) attended: &'static str,
    pub(super) waiting: &'static [&'static str],
    pub(super) completed: &'static str,
    pub(super) closed: &'static str,
    pub(super) cancelled: &'static str,
    pub(super) initiator: &'static str,
    pub(super) suppliers: &'static [&'static str],
    pub(super) service_levels: &'static [&'static str],
    pub(super) workflows: &'static [&'static str],
    pub(super) engineers: &'static [&'static str],
    pub(super) arrival_note: &'static str,
    pub(super) notes: &'static [&'static str],
    pub(super) chases: &'static [&'static str],
    pub(super) questions: (&'static str, &'static str, &'static str, &'static str),
    pub(super) downtimes: &'static [&'static str],
    pub(super) planned: &'static [&'static str],
}

/// English: Northside FM.
pub(super) const ENGLISH: Tongue = Tongue {
    dispatched: "Dispatched",
    accepted: "Accepted",
    attended: "Attended",
    waiting: &["On hold - awaiting parts", "On hold - access refused"],
    completed: "Work completed",
    closed: "Closed",
    cancelled: "Cancelled",
    initiator: "Facilities help desk",
    suppliers: &[
        "Northside Mechanical Ltd",
        "Thames Plumbing & Drainage",
        "Brightline Electrical",
    ],
    service_levels: &[
        "P1 - attend in 1 hour",
        "P2 - attend in 4 hours",
        "P3 - attend next day",
    ],
    workflows: &["Reactive - standard", "Reactive - quote first"],
    engineers: &["John Doe", "Priya Nair", "Tom Ashworth", "Maria Silva"],
    arrival_note: "now on site",
    notes: &[
        "Technician will be on site today",
        "Part ordered, delivery expected tomorrow morning",
        "Area isolated and signed; please keep clear",
        "Access arranged with reception for 14:00",
    ],
    chases: &[
        "Technician is over two hours late, please update.",
        "Washroom still out of order, when will someone attend?",
        "Second request: please confirm the visit.",
    ],
    questions: (
        "TC_TrainedAndCompetent",
        "TC_SafetyBadgeNumber",
        "TC_WaterTemperature",
        "TC_PermitsChecked",
    ),
    downtimes: &[
        "Awaiting spare part",
        "Isolated for safety",
        "Power supply interrupted",
    ],
    planned: &[
        "Quarterly service of air handling unit",
        "Legionella flush of little-used outlets",
        "Emergency lighting test",
        "Lift inspection by insurer",
    ],
};

/// French: Maintenance Rive Gauche.
pub(super) const FRENCH: Tongue = Tongue {
    dispatched: "Répartie",
    accepted: "Acceptée",
    attended: "Technicien sur site",
    waiting: &[
        "Intervention effectuée – Attente du devis",
        "En attente de pièces",
    ],
    completed: "Intervention terminée",
    closed: "Clôturée",
    cancelled: "Annulée",
    initiator: "Centre de services",
    suppliers: &[
        "Génie Climatique du Rhône",
        "Plomberie Bellecour",
        "Électricité Perrache",
    ],
    service_levels: &[
        "P1 - sous 1 heure",
        "P2 - sous 4 heures",
        "P3 - le lendemain",
    ],
    workflows: &["Curatif - standard", "Curatif - sur devis"],
    engineers: &["Élodie Martin", "Karim Benali", "Luc Fournier"],
    arrival_note: "est arrivé sur site",
    notes: &[
        "Le technicien passera dans la journée",
        "Pièce commandée, livraison prévue demain",
        "Zone balisée, merci de ne pas utiliser",
    ],
    chases: &[
        "Le technicien a plus de deux heures de retard, merci de nous informer.",
        "Toujours hors service : à quelle heure l'intervention ?",
    ],
    questions: (
        "TC_FormationEtHabilitation",
        "TC_NumeroDeBadge",
        "TC_TemperatureEau",
        "TC_PermisVerifies",
    ),
    downtimes: &["Attente de pièce", "Consigné pour sécurité"],
    planned: &[
        "Entretien trimestriel de la centrale d'air",
        "Essai de l'éclairage de secours",
        "Visite annuelle de l'ascenseur",
    ],
};
