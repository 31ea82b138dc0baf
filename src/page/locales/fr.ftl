# Français.

direction = ltr
language = Français
error-prefix = Erreur :
help = Besoin d’aide ?
request-id = Identifiant de requête : { $id }
moment = { $day ->
    [1] 1er
   *[other] { $day }
  } { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
  } { $year } à { $time } ({ $zone })
device = { $browser } sur { $system }
device-unknown = Appareil inconnu
try-again = Réessayer
sign-in-again = Se connecter
back-to-portal = Retour au portail
copy = Copier
copied = Copié
nav-label = Portail
nav-you = Vous
nav-devices = Appareils
nav-tools = Outils

## Se connecter

logon-title = Connexion
logon-lead = pour utiliser Internet depuis cet appareil.
logon-lead-place = pour continuer vers
logon-account = Compte
logon-hint = Par exemple { $example }
logon-continue = Se connecter
logon-next = La page de connexion de votre organisation s’ouvre ensuite. C’est là que vous saisissez votre mot de passe, pas ici.
logon-or = ou
logon-guest = Continuer en tant qu’invité
logon-which = Quel nom dois-je saisir ?
logon-which-lead = N’importe quel nom sous lequel votre organisation vous connaît, avec son domaine :

mistake-empty = Saisissez le nom de votre compte, par exemple { $example }.
mistake-too-long = Ce nom est trop long pour un nom de compte. Un nom de compte ressemble à { $example }.
mistake-no-domain = Il manque le domaine. Saisissez le nom complet, par exemple { $example }.
mistake-no-account = Il manque le nom devant le domaine. Saisissez le nom complet, par exemple { $example }.
mistake-bad-domain = La partie qui désigne votre organisation n’est pas un domaine valide. Le nom complet ressemble à { $example }.
mistake-bad-character = Ce nom contient un caractère qui ne figure dans aucun nom de compte. Un nom de compte ressemble à { $example }.
mistake-not-enabled = La connexion avec ce domaine n’est pas encore activée. Votre service d’assistance sait quand elle le sera.
mistake-unknown-domain = Ce portail ne dessert pas ce domaine. Vérifiez l’orthographe ; le nom complet ressemble à { $example }.
mistake-unclear = Cette forme du nom ne peut pas être utilisée ici. Saisissez le nom avec lequel vous vous connectez à votre compte professionnel, par exemple { $example }.

note-expired = Ce lien date de plus d’une heure, l’adresse que vous vouliez n’est donc plus connue. Connectez-vous, puis ouvrez-la de nouveau.
note-broken = L’adresse que vous vouliez n’a pas pu être lue. Connectez-vous, puis ouvrez-la de nouveau.
note-form-expired = Cette page est restée ouverte longtemps. Veuillez choisir une nouvelle fois Se connecter.
note-form-foreign = Pour votre sécurité, rien n’a été envoyé, car le formulaire ne venait pas de cette page. Veuillez choisir une nouvelle fois Se connecter.
note-no-cookie = Votre navigateur n’a pas conservé le cookie de ce site, nécessaire à la connexion. Autorisez les cookies pour ce site, puis choisissez Se connecter.
note-unsent = Le formulaire que vous avez rempli n’a pas été envoyé, car vous n’étiez pas connecté. Après la connexion, vous saurez comment l’envoyer.
note-expired-signed-in = Vous êtes connecté. Ce lien date de plus d’une heure, l’adresse que vous vouliez n’est donc plus connue : ouvrez-la de nouveau.
note-other-client = Vous êtes connecté. Ce lien a été créé pour un autre appareil ou une autre connexion et ne mène donc pas plus loin : ouvrez de nouveau l’adresse que vous vouliez.
note-used = Cette connexion a déjà été utilisée ou a pris trop de temps. Veuillez recommencer ici.
note-tile = La vignette que vous avez choisie vous a amené ici, car les connexions commencent sur cette page. Saisissez le nom de votre compte et continuez : si vous êtes déjà connecté à votre organisation, rien d’autre ne vous sera demandé.
note-unsolicited = Vous vous êtes connecté depuis la liste d’applications de votre organisation. Si ce n’est pas votre compte, déconnectez-vous ici.
note-welcome-back = Vous êtes déjà connecté. Il n’y a rien d’autre à faire.
note-other-person = Vous vous êtes connecté en tant que { $asserted }, mais vous aviez saisi { $typed }. Si ce n’est pas vous, déconnectez-vous ici.

## Connecté

signed-in-title = Vous êtes connecté
signed-in-lead = en tant que
signed-in-go-on = Continuer vers { $place }
signed-in-account = Votre compte
signed-in-name = Compte
signed-in-since = Connecté depuis
signed-in-until = Connecté jusqu’au
signed-in-devices = Où vous êtes connecté
signed-in-here = Cet appareil
signed-in-device-since = depuis le { $moment }
signed-in-more = et { $count } de plus
sign-out-here = Se déconnecter ici
sign-out-there = Déconnecter cet appareil
sign-out-everywhere = Se déconnecter partout
certificate-link = Configurer cet appareil : installer le certificat

signed-in-left = Votre session se termine dans { $hours } h { $minutes } min.
signed-in-renew = La prolonger maintenant
connected-back = Vous pouvez revenir à votre page.
connected-reload = Elle se recharge d’elle-même dans son onglet. Sinon, rechargez-la là-bas. Vous pouvez fermer cette page.
connected-account = Votre compte et vos appareils
connected-visit = Votre visite
signed-in-guest-title = Vous naviguez en tant qu’invité
signed-in-guest-lead = Certains sites sont peut-être réservés aux personnes qui ont un compte.
signed-in-as-guest = en tant qu’invité
guest-visit = Votre visite
guest-since = Depuis
guest-until = Jusqu’au
guest-end = Terminer votre visite
guest-left = Votre visite se termine dans { $hours } h { $minutes } min.
guest-renew = Rester plus longtemps

guest-title = Continuer en tant qu’invité
guest-lead = pour utiliser Internet sans compte.
guest-terms = Conditions d’utilisation
guest-accept = J’ai lu les conditions et je les accepte.
guest-missing = Pour continuer en tant qu’invité, acceptez les conditions.
guest-facts = Vous avez un compte ici ?
guest-account = Se connecter avec votre compte

signed-out-title = Vous êtes déconnecté
signed-out-lead = Ce que vous ouvrez désormais n’est plus associé à votre nom.
signed-out-everywhere = Plus aucun de vos appareils n’est connecté.
signed-out-here = Ce serveur vous a déconnecté et s’y tient. Il ne peut pas joindre en ce moment le stockage qu’il partage avec d’autres serveurs : ils suivront dès qu’il sera de retour. D’ici là, quelqu’un qui possède les anciens cookies de ce navigateur pourrait continuer sur un autre serveur.
signed-out-fleetingly = Ce serveur vous a déconnecté, mais ne peut pas l’enregistrer en ce moment : ni son stockage ni son disque ne l’accepte. Les autres serveurs et les redémarrages suivront dès que le stockage sera de retour. Par sécurité, déconnectez-vous de nouveau plus tard et prévenez votre service d’assistance.
signed-out-guest-title = Votre visite est terminée
signed-out-guest-lead = Cet appareil n’a plus accès en tant qu’invité.
signed-out-provider-too = Vous êtes également déconnecté de la page de connexion de votre organisation.
signed-out-provider-unconfirmed = La page de connexion de votre organisation n’a pas confirmé que vous y êtes également déconnecté. Sur un ordinateur partagé, fermez toutes les fenêtres du navigateur.
signed-out-provider = Vous êtes peut-être encore connecté à la page de connexion de votre organisation. Sur un ordinateur partagé, fermez aussi toutes les fenêtres du navigateur.

## Refusé par une règle

denied-title = Ce site est bloqué
denied-lead = n’est pas autorisé ici.
denied-rule = Bloqué par
denied-blocked-list = La liste des sites bloqués
denied-default = Aucune règle n’autorise ce site
denied-unidentified = Ce site est réservé aux personnes connectées
denied-offline = Personne ne peut se connecter en ce moment, et ce site l’exige
denied-user = Connecté en tant que
denied-as-guest = invité
denied-next = Si vous avez besoin de ce site pour votre travail, adressez-vous à votre service d’assistance en indiquant la règle et l’identifiant de requête.
denied-review-lead = Si vous avez besoin de ce site pour votre travail, vous pouvez en demander l’accès.
denied-review = Demander l’accès
denied-pass = Voir ce qui est demandé
denied-pass-lead = Une règle vous demande d’abord quelque chose.
denied-ask = Contacter l’assistance
denied-guest = Vous naviguez en tant qu’invité, et certains sites sont réservés aux personnes qui ont un compte.
denied-mail-subject = Site bloqué : { $site }
denied-mail =
    Site : { $site }
    Bloqué par : { $rule }
    Identifiant de requête : { $id }

## Un formulaire qui n'a pas été envoyé

handover-sign-in = Passage à la connexion
handover-sign-out = Passage à la déconnexion
handover-lead = La suite se fait d’elle-même. Sinon, choisissez le bouton.
handover-continue = Continuer

unsent-title = Votre formulaire n’a pas été envoyé
unsent-lead = Vous n’étiez pas connecté lorsque vous avez envoyé un formulaire à
unsent-lead-halted = Une règle a arrêté le formulaire que vous avez envoyé à
unsent-what = Ce qui n’a pas été envoyé
unsent-method = un formulaire ({ $method })
unsent-where = Destination
unsent-next = Rien n’est parvenu au site. Revenez au formulaire avec le bouton Précédent du navigateur, ou continuez vers le site, et envoyez-le de nouveau : vous êtes maintenant connecté, il arrivera. La plupart des navigateurs se souviennent de ce que vous avez saisi.
unsent-next-halted = Rien n’est parvenu au site. Revenez au formulaire avec le bouton Précédent du navigateur, ou continuez vers le site, et envoyez-le de nouveau : il arrivera maintenant. La plupart des navigateurs se souviennent de ce que vous avez saisi.
unsent-go-on = Continuer vers { $place }

## Cookies

cookies-title = Votre navigateur ne conserve pas notre cookie
cookies-lead = vous êtes connecté, mais la page de ce site revient sans le cookie qui l’indique.
cookies-steps =
    Autorisez les cookies pour ce site, au moins jusqu’à la fermeture du navigateur.
    Désactivez les extensions qui suppriment les cookies, ou faites une exception pour ce site.
    Si vous utilisez une fenêtre privée, essayez une fenêtre normale.
contradict-title = Le cookie d’un autre site gêne
contradict-lead = vous êtes connecté, mais un autre site a aussi déposé pour celui-ci un cookie qui porte le nom du nôtre, et les deux se contredisent. Nous avons essayé de le supprimer.
contradict-steps =
    Dans les réglages du navigateur, supprimez les cookies de ce site et du domaine dont il dépend.
    Ouvrez de nouveau la page.
    Si cela se reproduit, une page de ce domaine dépose sans cesse ce cookie : indiquez l’adresse de cette page à votre assistance.

## Ce qui n'a pas fonctionné sur le chemin d'un site

problem-why = Pourquoi cela arrive
problem-next = Ce que vous pouvez faire

error-name-not-found = Ce site est introuvable
    .what = il n’existe aucun site portant ce nom.
    .why = Le nom est peut-être mal écrit, ou le site a été déplacé ou fermé.
    .next = Vérifiez l’orthographe de l’adresse. Si elle est juste, réessayez dans quelques minutes.
error-refused = Le site ne répond pas
    .what = l’ordinateur du site a refusé la connexion.
    .why = Le site est peut-être en panne, ou rien ne fonctionne à cette adresse et sur ce port.
    .next = Réessayez dans quelques minutes. Si seul ce site est touché, c’est à son exploitant de le réparer.
error-timed-out = Le site a mis trop de temps
    .what = le site n’a pas répondu à temps.
    .why = Le site est peut-être surchargé ou en panne, ou le réseau qui y mène est lent.
    .next = Réessayez dans quelques minutes.
error-certificate = Le site n’a pas pu prouver son identité
    .what = le certificat du site n’est pas valide, rien ne lui a donc été envoyé.
    .why = Le certificat a peut-être expiré ou été établi pour un autre nom, ou quelqu’un se fait passer pour ce site.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-certificate-expired = Le site n’a pas pu prouver son identité
    .what = le certificat du site a expiré, rien ne lui a donc été envoyé.
    .why = L’exploitant du site n’a pas renouvelé le certificat à temps, ou quelqu’un présente un ancien certificat.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-certificate-not-yet = Le site n’a pas pu prouver son identité
    .what = le certificat du site n’est pas encore valable, rien ne lui a donc été envoyé.
    .why = L’exploitant du site utilise un certificat trop tôt, ou une horloge est mal réglée.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-certificate-name = Le site n’a pas pu prouver son identité
    .what = le certificat du site a été établi pour un autre nom, rien ne lui a donc été envoyé.
    .why = L’adresse est peut-être mal saisie, le site mal configuré, ou quelqu’un se fait passer pour ce site.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-certificate-issuer = Le site n’a pas pu prouver son identité
    .what = aucune autorité à laquelle le proxy fait confiance ne garantit le certificat du site, rien ne lui a donc été envoyé.
    .why = Le site a peut-être établi lui-même ce certificat, comme dans certaines entreprises, ou quelqu’un se fait passer pour ce site.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-certificate-revoked = Le site n’a pas pu prouver son identité
    .what = le certificat du site a été révoqué, rien ne lui a donc été envoyé.
    .why = Sa clé est peut-être entre les mains de quelqu’un qui se fait passer pour ce site.
    .next = N’envoyez rien à ce site. Réessayez plus tard, et prévenez votre service d’assistance si cela persiste.
error-unreachable = Le site est inaccessible
    .what = aucun chemin du réseau ne mène à ce site.
    .why = Le site, ou un réseau sur son chemin, est peut-être en panne.
    .next = Essayez d’autres sites. Si aucun ne fonctionne, prévenez votre service d’assistance ; sinon, réessayez dans quelques minutes.
error-connection-lost = La connexion a été perdue
    .what = le site a mis fin à la connexion avant que sa réponse soit complète.
    .why = Le site a peut-être redémarré, ou un réseau sur son chemin est tombé en panne.
    .next = Réessayez.
error-bad-answer = La réponse du site n’a pas pu être comprise
    .what = le site a envoyé quelque chose qui n’est pas une réponse valide.
    .why = Le logiciel du site est défectueux, ou l’adresse n’est pas celle d’un site web.
    .next = Vérifiez l’adresse. Si elle est juste, c’est à l’exploitant du site de le réparer.
error-not-allowed = Cette adresse n’est pas autorisée
    .what = le nom mène à une adresse interne ou spéciale, ou à la machine du proxy lui-même, et le proxy ne s’y connecte pas.
    .itself = c’est une adresse interne ou spéciale, ou une adresse de la machine du proxy lui-même, et le proxy ne s’y connecte pas.
    .why = Cela protège le réseau dans lequel le proxy fonctionne.
    .next = Si vous avez besoin de cette adresse pour votre travail, adressez-vous à votre service d’assistance en indiquant l’identifiant de requête.
error-direct = Vous n’êtes pas connecté, et l’on ne peut pas vous le demander ici
    .what = les navigateurs atteignent cette adresse sans le proxy, qui ne demande donc à personne de se connecter pour elle.
    .why = Sinon, une autre personne pourrait se faire passer pour vous au moyen d’un lien vers cette adresse.
    .next = Utilisez le fichier de configuration du proxy de votre organisation : votre navigateur ouvrira alors cette adresse directement. Ou ouvrez d’abord un site public, connectez-vous, puis revenez.
error-port-not-allowed = Le port { $port } n’est pas autorisé
    .what = le proxy ne se connecte pas au port { $port }.
    .why = Seuls les ports habituels des sites web sont ouverts, car les autres servent à contourner la protection.
    .next = Vérifiez l’adresse. Si vous avez besoin de ce port pour votre travail, adressez-vous à votre service d’assistance en indiquant l’identifiant de requête.
error-parent = Un autre proxy sur le chemin n’est pas disponible
    .what = ce proxy atteint le site par un autre proxy, qui est inutilisable en ce moment.
    .why = L’autre proxy est peut-être en panne, ou ses réglages ne correspondent pas aux nôtres.
    .next = Réessayez dans quelques minutes. Si cela persiste, communiquez l’identifiant de requête à votre service d’assistance.
error-parent-denied = Un autre proxy sur le chemin n’autorise pas ce site
    .what = ce proxy atteint le site par un autre proxy, qui ne s’y connecte pas.
    .why = L’autre proxy a ses propres règles.
    .next = Si vous avez besoin de ce site pour votre travail, adressez-vous à votre service d’assistance en indiquant l’identifiant de requête.
error-loop = La requête est revenue au proxy
    .what = la requête est déjà passée par ici.
    .why = Deux proxys se renvoient des requêtes, ou l’adresse est celle du proxy lui-même.
    .next = Communiquez l’identifiant de requête à votre service d’assistance : il faut corriger la configuration.
error-too-large = La requête est trop grande
    .what = la requête ou son en-tête dépasse ce que le proxy accepte.
    .why = Cela peut venir de cookies très nombreux ou très grands d’un même site.
    .next = Supprimez les cookies de ce site, puis réessayez.
error-bad-request = La requête n’a pas pu être comprise
    .what = votre navigateur ou votre programme a envoyé quelque chose qui n’est pas une requête valide.
    .why = Le programme est peut-être défectueux, ou l’adresse est mal écrite.
    .next = Vérifiez l’adresse et réessayez.
error-busy = Le proxy est occupé
    .what = il y a trop de requêtes en ce moment.
    .why = Beaucoup de personnes utilisent le proxy, ou cet appareil envoie un très grand nombre de requêtes.
    .next = Patientez une minute, puis réessayez.
error-exhausted = Vous avez atteint une limite
    .what = une règle de votre organisation limite ce que vous pouvez en utiliser.
    .why = Ces derniers instants, il y a eu plus de requêtes que cette règle n’en autorise, ou trop de connexions étaient ouvertes en même temps.
    .next = Patientez un peu, puis réessayez. Si cela arrive souvent, communiquez l’identifiant de requête à votre service d’assistance.
error-malware = Un logiciel malveillant a été trouvé dans ce fichier
    .what = ce que vous vouliez ouvrir n’a pas été transmis, car un antivirus y a trouvé un logiciel malveillant.
    .why = L’antivirus l’appelle { $threat }. Un tel fichier peut endommager votre appareil ou envoyer ses données à des inconnus.
    .next = N’essayez pas d’obtenir le fichier autrement. S’il vous est nécessaire pour votre travail, ou si vous pensez que c’est une erreur, communiquez l’identifiant de requête à votre service d’assistance.
error-malware-upload = Un logiciel malveillant a été trouvé dans ce que vous vouliez envoyer
    .what = rien n’a été envoyé, car un antivirus y a trouvé un logiciel malveillant.
    .why = L’antivirus l’appelle { $threat }. Le fichier sur votre appareil est peut-être infecté.
    .next = N’ouvrez pas le fichier et ne le transmettez pas. Communiquez l’identifiant de requête à votre service d’assistance : votre appareil devrait être examiné.
error-scanner-failed = L’analyse antivirus n’a pas pu se faire
    .what = rien n’a été transmis, car votre organisation veut d’abord une analyse antivirus, et l’antivirus ne répond pas.
    .why = L’antivirus a peut-être été redémarré, ou il a trop à faire.
    .next = Réessayez dans quelques minutes. Si cela persiste, communiquez l’identifiant de requête à votre service d’assistance.
error-too-long-to-scan = C’est trop volumineux pour l’analyse antivirus
    .what = rien n’a été transmis, car votre organisation veut d’abord une analyse antivirus, et l’antivirus n’accepte pas une telle taille.
    .why = Ce que personne n’a examiné pourrait contenir n’importe quoi.
    .next = Si vous en avez besoin pour votre travail, demandez à votre service d’assistance et communiquez-lui l’identifiant de requête.
error-part-not-scanned = Une partie de fichier ne peut pas passer l’analyse antivirus
    .what = rien n’a été transmis, car votre programme a demandé une partie d’un fichier, et l’antivirus doit le voir en entier.
    .why = Un logiciel malveillant ne se reconnaît pas à une partie d’un fichier.
    .next = Téléchargez de nouveau le fichier entier, et ne reprenez pas un téléchargement interrompu.
error-coding-not-scanned = C’est compressé d’une façon que l’antivirus ne peut pas analyser
    .what = rien n’a été transmis, car votre organisation veut d’abord une analyse antivirus, et le site le compresse d’une façon que l’antivirus ne peut pas décompresser.
    .why = Ce que personne n’a examiné pourrait contenir n’importe quoi. Réessayer ne sert à rien tant que le site répond ainsi.
    .next = Si vous en avez besoin pour votre travail, communiquez l’identifiant de requête à votre service d’assistance.
error-internal = Une erreur s’est produite ici
    .what = le proxy n’a pas pu terminer la requête.
    .why = L’erreur vient de nous, pas de vous.
    .next = Réessayez. Si cela se reproduit, communiquez l’identifiant de requête à votre service d’assistance.

## Ce qui n'a pas fonctionné dans le portail

sign-in-refused = La connexion n’a pas été acceptée
    .what = La réponse de la page de connexion n’a pas pu être acceptée, vous n’êtes donc pas connecté.
    .why = La réponse a peut-être déjà été utilisée, a pris trop de temps ou n’appartient pas à ce navigateur.
    .next = Recommencez. Si cela se reproduit, communiquez l’identifiant de requête à votre service d’assistance.
sign-in-clock = Deux horloges ne concordent pas
    .what = La réponse de la page de connexion porte une date future, vous n’êtes donc pas connecté.
    .why = L’horloge de ce portail ou celle de la page de connexion est mal réglée. Celle de votre appareil n’y est pour rien.
    .next = Communiquez l’identifiant de requête à votre service d’assistance : une horloge doit être réglée.
sign-in-too-late = La connexion a pris trop de temps
    .what = La réponse de la page de connexion n’est plus valable, vous n’êtes donc pas connecté.
    .why = La page est restée longtemps ouverte, ou une ancienne réponse a été envoyée de nouveau.
    .next = Recommencez. Si cela se reproduit aussitôt, communiquez l’identifiant de requête à votre service d’assistance : une horloge est peut-être mal réglée.
sign-in-other-person = Vous vous êtes connecté avec un autre compte
    .what = Le compte de la page de connexion n’est pas celui que vous avez saisi ici, vous n’êtes donc pas connecté.
    .why = Un autre compte était encore connecté à la page de connexion de votre organisation.
    .next = Recommencez et choisissez le bon compte sur la page de connexion. Dans une fenêtre privée, aucun autre compte n’est connecté.
proof-other-person = Vous vous êtes connecté avec un autre compte
    .what = Le compte de la page de connexion n’est pas celui qui est connecté ici, rien n’a donc changé.
    .why = Cette page demande à la personne connectée ici de prouver une nouvelle fois son identité.
    .next = Recommencez et choisissez le compte qui est connecté ici. Si ce n’est pas le vôtre, déconnectez-vous d’abord dans le portail.
proof-not-anew = La page de connexion ne vous a rien redemandé
    .what = Vous êtes toujours connecté, mais la page que vous vouliez exige une nouvelle connexion, et celle-ci n’en était pas une.
    .why = La page de connexion de votre organisation a répondu avec une connexion antérieure au lieu de vous interroger.
    .next = Recommencez. Si cela se reproduit, communiquez l’identifiant de requête à votre service d’assistance.
sign-in-not-asked = La page de connexion ne vous a rien demandé
    .what = Vous n’êtes pas connecté, car chaque connexion doit être nouvelle ici, et celle-ci ne l’était pas.
    .why = La page de connexion de votre organisation a répondu avec une connexion antérieure au lieu de vous interroger.
    .next = Recommencez. Si cela se reproduit, communiquez l’identifiant de requête à votre service d’assistance : force_authn est défini pour ce domaine d’authentification, et la page de connexion n’en tient pas compte.
sign-in-other-way = Vous vous êtes connecté d’une autre manière que celle demandée ici
    .what = La connexion a fonctionné, mais pas avec le type de preuve que votre organisation demande ici, vous n’êtes donc pas connecté.
    .why = Par exemple avec un mot de passe seul là où un second facteur est demandé, ou avec une clé là où un mot de passe l’est.
    .next = Recommencez et choisissez une autre manière sur la page de connexion. S’il n’y en a pas, communiquez l’identifiant de requête à votre service d’assistance : les manières demandées figurent dans authn_context de ce domaine d’authentification ou de la règle qui les demande.
sign-in-foreign-name = Votre compte appartient à un autre domaine
    .what = La connexion a fonctionné, mais le nom reçu n’est pas dans un domaine dont cette page de connexion peut répondre, vous n’êtes donc pas connecté.
    .why = Chaque page de connexion ne peut nommer que les personnes de ses propres domaines. Sinon, une organisation pourrait faire passer ses membres pour ceux d’une autre.
    .next = Recommencez avec l’adresse de votre propre organisation. Si cela doit fonctionner avec ce compte, communiquez l’identifiant de requête à votre service d’assistance : un administrateur peut ajouter le domaine à domains de ce domaine d’authentification, ou à foreign_names pour les invités.
sign-in-no-name = La page de connexion n’a pas dit qui vous êtes
    .what = La connexion a fonctionné, mais la réponse ne contient aucun nom que ce portail puisse utiliser, vous n’êtes donc pas connecté.
    .why = La revendication qui vous désigne manque, est vide, a plusieurs valeurs ou change à chaque connexion.
    .next = Recommencer n’y change rien. Communiquez l’identifiant de requête à votre service d’assistance : un administrateur peut voir avec vestibule test-sso de quelle revendication il s’agit, et la corriger chez le fournisseur d’identité ou dans identity_claims de ce domaine d’authentification.
sign-in-other-tenant = Votre compte appartient à un autre locataire
    .what = La connexion a fonctionné, mais pas avec un compte du locataire exigé ici, vous n’êtes donc pas connecté.
    .why = La revendication qui désigne le locataire de votre compte manque ou en désigne un autre.
    .next = Recommencez et choisissez un compte de cette organisation. Si c’en était un, communiquez l’identifiant de requête à votre service d’assistance : le locataire figure dans require_tenant de ce domaine d’authentification.
sign-in-foreign = Cette connexion n’a pas commencé dans ce navigateur
    .what = Vous n’êtes pas connecté, car la connexion n’a pas commencé ici.
    .why = Le lien a été ouvert dans un autre navigateur, les cookies ont été supprimés entre-temps, ou quelqu’un vous a envoyé le lien.
    .next = Recommencez dans ce navigateur.
sign-out-refused = La déconnexion n’a pas été acceptée
    .what = Un message relatif à une déconnexion n’a pas pu être accepté, rien n’a donc changé ici.
    .why = Le message est peut-être trop ancien, ne vient pas de la page de connexion de votre organisation ou ne concerne pas ce navigateur.
    .next = Revenez au portail. Si vous y êtes encore connecté, déconnectez-vous-y.
sign-in-occupied = Quelqu’un d’autre est connecté dans ce navigateur
    .what = La page de votre organisation voulait vous connecter ici, mais ce navigateur appartient en ce moment à un autre compte.
    .why = Personne ne doit naviguer sous un autre nom sans s’en apercevoir.
    .next = Allez au portail, déconnectez-vous, puis réessayez.
test-link = Ce lien ne peut pas être utilisé
    .what = Le lien vers le test de connexion a déjà été utilisé, date de plus de 15 minutes ou n’a pas été créé pour ce portail.
    .why = Quiconque possède un tel lien peut lancer le test une fois.
    .next = Faites créer un nouveau lien avec la commande vestibule test-sso et ouvrez-le dans ce navigateur.
provider-not-assigned = Votre compte n’a pas encore accès
    .what = La connexion a fonctionné, mais votre compte n’est pas autorisé à utiliser ce proxy.
    .why = Un administrateur doit d’abord affecter votre compte à cette application (AADSTS50105).
    .next = Demandez l’accès à votre administrateur ou à votre service d’assistance, puis réessayez.
provider-no-session = Veuillez vous reconnecter
    .what = La page de connexion ne vous connaissait plus.
    .why = Elle devait vous connecter sans afficher de page, et il n’y avait aucune connexion antérieure.
    .next = Recommencez et connectez-vous.
provider-cancelled = La connexion a été annulée
    .what = La page de connexion a été fermée avant la fin de la connexion, vous n’êtes donc pas connecté.
    .why = Quelqu’un a choisi Annuler ou n’a pas accepté ce que la page demandait.
    .next = Recommencez quand vous le souhaitez.
provider-locked = Votre compte ne peut pas se connecter
    .what = La page de connexion indique que votre compte est verrouillé, désactivé ou introuvable.
    .why = Cela arrive après de nombreux mots de passe erronés, ou lorsqu’un administrateur a désactivé le compte.
    .next = Adressez-vous à votre administrateur ou à votre service d’assistance.
provider-policy = Votre organisation n’autorise pas cette connexion
    .what = Une règle de votre organisation a empêché la connexion.
    .why = Elle exige peut-être un appareil géré, un autre lieu ou une preuve supplémentaire de votre identité.
    .next = Essayez depuis un appareil géré par votre organisation, ou adressez-vous à votre service d’assistance.
provider-misconfigured = La connexion n’est pas correctement configurée
    .what = La page de connexion de votre organisation n’accepte pas les requêtes de ce portail.
    .why = Leurs réglages diffèrent. Vous n’avez rien fait de mal.
    .next = Communiquez à votre service d’assistance l’identifiant de requête et la ligne ci-dessus.
provider-unknown = Ce portail ne peut pas vous envoyer à votre page de connexion
    .what = Ce portail n’a pas d’informations valables sur la page de connexion de votre organisation en ce moment, personne ne peut donc se connecter.
    .why = Les informations n’ont pas encore pu être obtenues, ou leur durée de validité est passée. La page de connexion de votre organisation n’a pas été interrogée.
    .next = Réessayez dans quelques minutes. Si cela continue, communiquez l’identifiant de requête à votre service d’assistance : les métadonnées de ce domaine d’authentification doivent être renouvelées.
provider-failed = La connexion n’a pas fonctionné
    .what = La page de connexion de votre organisation a répondu par une erreur.
    .why = La raison figure ci-dessous, si elle en a donné une.
    .next = Recommencez. Si cela se reproduit, communiquez l’identifiant de requête à votre service d’assistance.
portal-busy = Trop de connexions en ce moment
    .what = Le portail ne peut pas accepter d’autres connexions pour l’instant.
    .why = Il y a eu de très nombreuses tentatives en peu de temps.
    .next = Patientez une minute, puis réessayez.
portal-away = Personne ne peut se connecter en ce moment
    .what = Le portail ne peut pas commencer de nouvelle session pour l’instant. Qui est déjà connecté peut continuer.
    .why = La partie du système qui retient qui est connecté ne répond pas.
    .next = Patientez quelques minutes, puis réessayez. Si cela dure, votre service d’assistance en sait plus.
ended-here = C’est terminé sur ce serveur
    .what = Ce que vous avez terminé le reste sur ce serveur. Les autres serveurs suivent un peu plus tard.
    .why = Ce serveur ne peut pas joindre en ce moment le stockage qu’il partage avec eux. Il les préviendra dès que le stockage sera de retour.
    .next = Il n’y a rien d’autre à faire.
ended-fleetingly = C’est terminé sur ce serveur, pour l’instant
    .what = Ce que vous avez terminé l’est sur ce serveur, jusqu’à ce qu’il s’arrête.
    .why = Ni le stockage ni le disque de ce serveur ne l’accepte en ce moment. Si le serveur redémarre avant, cela revient.
    .next = Terminez-le de nouveau plus tard et prévenez votre service d’assistance.
portal-form = Le formulaire n’a pas été accepté
    .what = Rien n’a changé, car le formulaire ne venait pas de la page de ce portail ou était trop ancien.
    .why = Cela vous protège des pages qui agissent en votre nom.
    .next = Revenez au portail et choisissez-y le bouton.
portal-not-found = Cette page n’existe pas
    .what = Le portail n’a aucune page à cette adresse.
    .why = L’adresse est peut-être mal écrite, ou le lien est ancien.
    .next = Revenez au portail.
portal-too-large = Le message est trop grand
    .what = Ce qui a été envoyé dépasse ce que le portail accepte.
    .why = Aucun formulaire de ce portail n’est aussi grand.
    .next = Revenez au portail et recommencez.

## Le certificat

certificate-title = Configurer cet appareil
certificate-lead = Certaines pages ne vous parviennent que si cet appareil fait confiance à l’autorité de certification du proxy : la page de connexion devant les sites https, et les pages qui disent pourquoi un site est bloqué.
certificate-this = Le certificat
certificate-name = Nom
certificate-until = Valable jusqu’au
certificate-fingerprint = Empreinte SHA-256
certificate-compare = Avant de lui faire confiance, comparez l’empreinte avec celle que votre service d’assistance vous communique par un autre moyen.
certificate-trusted = Ce navigateur fait confiance à l’autorité.
certificate-trusted-next = Il n’y a rien d’autre à faire ici. Les étapes ci-dessous sont pour d’autres appareils et navigateurs.
certificate-unknown = Ce navigateur ne fait pas encore confiance à l’autorité.
certificate-unknown-next = Suivez les étapes ci-dessous, puis rechargez cette page. Si rien ne change, le navigateur n’utilise peut-être pas le proxy.
certificate-der = Télécharger pour Windows, macOS et Android
certificate-pem = Télécharger pour Linux et Firefox (PEM)
certificate-profile = Télécharger pour iPhone, iPad et Mac (profil)
certificate-several = Une autorité en remplace bientôt une autre. Installez les deux certificats : cet appareil continuera ainsi de faire confiance au proxy.
certificate-install = Comment l’installer

system-windows = Windows
    .steps =
        Téléchargez le premier fichier et ouvrez-le.
        Choisissez « Installer un certificat », puis « Utilisateur actuel » (ou « Ordinateur local » pour tous les utilisateurs de cet ordinateur).
        Choisissez « Placer tous les certificats dans le magasin suivant », puis « Autorités de certification racines de confiance ».
        Terminez, confirmez l’empreinte et redémarrez le navigateur.
system-macos = macOS
    .steps =
        Téléchargez le premier fichier et ouvrez-le. Trousseaux d’accès l’ajoute au trousseau « session ».
        Double-cliquez dessus, ouvrez « Se fier » et réglez « Lors de l’utilisation de ce certificat » sur « Toujours approuver ».
        Fermez la fenêtre et saisissez votre mot de passe.
system-ios = iPhone et iPad
    .steps =
        Ouvrez cette page dans Safari et téléchargez le profil. Autorisez le téléchargement.
        Dans Réglages, ouvrez « Général », puis « VPN et gestion de l’appareil », choisissez le profil et installez-le.
        Dans Réglages, ouvrez « Général », « Informations », « Réglages de confiance des certificats » et activez la confiance totale.
system-android = Android
    .steps =
        Téléchargez le premier fichier.
        Dans les paramètres, recherchez « certificat CA », ou ouvrez « Sécurité », « Chiffrement et identifiants », « Installer un certificat ».
        Choisissez « Certificat CA », confirmez et sélectionnez le fichier téléchargé. Les noms de ces menus varient selon les fabricants.
system-debian = Linux : Debian et Ubuntu
    .steps =
        Téléchargez le fichier PEM (les deux s’il y en a deux), puis exécutez dans son dossier :
        $ for file in authority*.pem; do sudo cp "$file" "/usr/local/share/ca-certificates/$file.crt"; done
        $ sudo update-ca-certificates
        Chromium a son propre magasin :
        $ for file in authority*.pem; do certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "$file" -i "$file"; done
system-fedora = Linux : Fedora et Red Hat
    .steps =
        Téléchargez le fichier PEM (les deux s’il y en a deux), puis exécutez dans son dossier :
        $ sudo cp authority*.pem /etc/pki/ca-trust/source/anchors/
        $ sudo update-ca-trust
system-firefox = Firefox, sur tout système
    .steps =
        Téléchargez le fichier PEM. S’il y en a deux, faites ceci pour les deux.
        Dans les paramètres, ouvrez « Vie privée et sécurité », « Certificats », « Afficher les certificats » et l’onglet « Autorités ».
        Choisissez « Importer », sélectionnez le fichier et cochez « Confirmer cette AC pour identifier des sites web ».

## Appareils avec un nom propre

devices-title = Vos appareils
devices-lead = Un appareil qui s’adresse au proxy par un nom propre est reconnu comme le vôtre même là où plusieurs personnes partagent une adresse, sans que rien ne soit déchiffré.
devices-none = Vous n’avez pas encore d’appareil de ce type.
devices-used = dernière utilisation le { $moment }
devices-unused = pas encore utilisé
devices-places = valable sur { $places }
devices-until = prend fin le { $moment }, sauf si vous vous y connectez avant
devices-signed-out = s’y connecter
devices-again = Nouvelle adresse
devices-remove = Retirer
devices-wire = Son nom est lisible sur le chemin du proxy, il n’est donc valable que sur les réseaux où vous l’avez utilisé. Sur un autre réseau, il vous est demandé une fois de vous connecter.
devices-full = Vous avez autant d’appareils qu’une personne peut en avoir : retirez-en un avant d’en ajouter un autre.
devices-removed = L’appareil est retiré. Quiconque utilise son nom devra se connecter.
devices-make = Ajouter un appareil
devices-name = Comment l’appelez-vous ?
devices-hint = Pour que vous le reconnaissiez, par exemple : portable du bureau.
devices-button = Créer son adresse

setup-title = Configurer { $device }
setup-lead = Donnez à l’appareil cette adresse comme adresse de configuration automatique du proxy (PAC), à la main ou avec l’un des fichiers ci-dessous :
setup-secret = Cette adresse n’est affichée que pendant une heure, et elle est secrète : quiconque l’utilise passe pour vous. Si elle se perd, créez-en une autre sur la page de vos appareils.
setup-files = Fichiers de configuration
setup-download = Télécharger
setup-download-certificate = Télécharger avec le certificat
setup-trust = L’appareil doit faire confiance au certificat du proxy. S’il ne peut pas se connecter, le certificat manque :
setup-back = Vers vos appareils
setup-windows = Windows
    .steps =
        Téléchargez le fichier, ouvrez-le et confirmez qu’il peut modifier les réglages.
        Fermez le navigateur et rouvrez-le. Edge, Chrome et la plupart des programmes y prennent l’adresse.
        Pour annuler, ouvrez « Paramètres de proxy » et désactivez « Utiliser un script de configuration ».
setup-apple = macOS, iPhone et iPad
    .steps =
        Sur un Mac, téléchargez le profil, ouvrez-le et installez-le dans les réglages du système, sous « Profils ».
        Un iPhone ou un iPad n’accepte un proxy pour tous les réseaux que si votre organisation le gère. Sinon, ouvrez « Wi-Fi » dans Réglages, puis le réseau, « Configurer le proxy », « Automatique », et saisissez l’adresse.
        Avec le certificat, activez-le aussi sous « Général », « Informations », « Réglages de confiance des certificats ».
setup-linux = Linux : GNOME et KDE
    .steps =
        Téléchargez le script et exécutez-le dans votre propre session :
        $ sh vestibule-proxy.sh
        Pour annuler, choisissez « Désactivé » ou « Aucun proxy » dans les paramètres réseau.
setup-terminal = Terminal : curl, git et autres
    .steps =
        Téléchargez le fichier et lisez-le dans votre shell ; les programmes qui savent parler TLS à un proxy l’utilisent alors :
        $ . ./vestibule-proxy.env
        Pour annuler, fermez le shell.
setup-firefox = Firefox
    .steps =
        Téléchargez policies.json et placez-le dans le dossier « distribution » à côté du programme, ou sous Linux dans /etc/firefox/policies.
        Avec le certificat, placez authority.pem (ou authority-1.pem et authority-2.pem) dans ~/.mozilla/certificates sous Linux ; sous Windows et macOS, Firefox le prend du système.
        Ou saisissez l’adresse dans les paramètres, sous « Paramètres réseau », « Adresse de configuration automatique du proxy ».
setup-chromium = Chromium, Chrome et Edge sous Linux
    .steps =
        Téléchargez la stratégie et placez-la dans le dossier de votre navigateur :
        $ sudo install -Dm644 vestibule-proxy.json /etc/chromium/policies/managed/vestibule-proxy.json
        Pour Chrome, le dossier est /etc/opt/chrome/policies/managed, pour Edge /etc/opt/edge/policies/managed.

## L'adresse du proxy lui-même

home-title = Ceci est un proxy
home-lead = Les navigateurs passent par lui pour aller sur Internet. Il n’y a rien d’autre à voir à cette adresse.
home-pac = Configuration automatique du proxy
home-pac-lead = Saisissez cette adresse comme adresse de configuration automatique (PAC) de l’appareil ou du navigateur :
home-portal = Ouvrir le portail

## Texte simple pour les outils

tool-sign-in = Connexion requise
    .what = Personne n’est connecté sur cet appareil, et cette requête ne peut pas être dirigée vers une page de connexion.
    .next = Ouvrez le portail dans un navigateur sur cet appareil et connectez-vous, puis réessayez.
tool-sign-in-again = Nouvelle connexion requise
    .what = Vous vous êtes connecté il y a trop longtemps pour cette destination, et cette requête ne peut pas être dirigée vers une page de connexion.
    .next = Ouvrez l’adresse ci-dessous dans un navigateur où vous êtes connecté, et prouvez votre identité. Réessayez ensuite.
tool-too-weak = Une preuve plus sûre de votre identité est requise
    .what = Vous êtes connu, mais par un moyen trop faible pour cette destination, et aucune connexion sur cette liaison n’y change rien.
    .next = Utilisez un appareil muni d’un certificat de votre organisation, par le proxy sécurisé. Votre service d’assistance peut vous aider.
tool-token-wanted = Un jeton est requis
    .what = Vous êtes connu, mais par un moyen trop faible pour cette destination. Un jeton personnel suffit.
    .next = Créez un jeton à l’adresse ci-dessous et utilisez-le comme mot de passe du proxy. Réessayez ensuite.
tool-denied = Bloqué par une règle
    .what = Les règles n’autorisent pas cette destination.
    .next = Si vous en avez besoin pour votre travail, adressez-vous à votre service d’assistance en indiquant l’identifiant de requête.
tool-warned = Un avertissement doit d’abord être lu
    .what = Une règle met en garde contre cette destination, et cette requête ne peut pas afficher l’avertissement.
    .next = Ouvrez l’adresse ci-dessous dans un navigateur où vous êtes connecté, lisez-y l’avertissement et continuez. Réessayez ensuite.
tool-overridable = Bloqué par une règle
    .what = Les règles n’autorisent pas cette destination, sauf si quelqu’un lève le blocage.
    .next = Si vous pouvez l’ouvrir, ouvrez l’adresse ci-dessous dans un navigateur où vous êtes connecté. Réessayez ensuite.
tool-place = Destination :
tool-portal = Portail :

## Ce qu’une règle place devant un site

warning-title = Avant de continuer
warning-lead-place = Veuillez lire ceci avant d’ouvrir
warning-lead = Veuillez d’abord lire ceci.
warning-plain = Votre organisation vous invite à réfléchir avant d’ouvrir ce site.
warning-rule = Règle
warning-go-on = J’ai lu : continuer
warning-remember = La question ne vous sera plus posée pendant { $time }.
warning-leave = Si vous ne voulez pas continuer, fermez cette page.
span-minutes = { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
  }
span-hours = { $hours ->
    [one] { $hours } heure
   *[other] { $hours } heures
  }
override-lead = Une règle bloque ce que vous vouliez ouvrir.
override-title = Ouvrir pour un moment
override-password-lead = Toute personne qui connaît le mot de passe peut l’ouvrir pendant { $time }.
override-member-lead = Vous pouvez l’ouvrir pendant { $time }.
override-password = Mot de passe
override-reason = Pourquoi en avez-vous besoin ?
override-reason-hint = Vos administrateurs liront ceci.
override-open = Ouvrir
override-recorded = Votre nom, le site et l’heure sont enregistrés.
override-wrong = Ce n’est pas le mot de passe.
override-no-reason = Indiquez pourquoi vous en avez besoin.
override-too-many = Il y a eu trop de tentatives. Attendez dix minutes, puis réessayez.
weak-title = Ce site demande une connexion plus sûre
weak-lead = n’est ouvert que là où votre identité est certaine.
weak-rule = Exigé par
weak-why = Vous êtes connecté, mais sur cette liaison quelqu’un d’autre pourrait se faire passer pour vous. Une nouvelle connexion n’y change rien.
weak-secure = Ce site s’ouvre sur les appareils qui ont un certificat de votre organisation et utilisent le proxy sécurisé.

## Demander un réexamen

review-title = Demander ce site
review-lead = Les responsables des règles seront prévenus.
review-site = Site
review-why = Pour quoi en avez-vous besoin ?
review-why-hint = Vous pouvez laisser ce champ vide.
review-told = Votre demande a été envoyée
review-told-lead = Les responsables des règles savent maintenant que vous avez besoin de { $site }.
review-told-next = Rien n’a encore changé. Vous pouvez fermer cette page.
review-not-told = Votre demande n’a pas pu être envoyée
review-not-told-lead = Le service qui reçoit ces demandes ne répond pas.
review-not-told-next = Réessayez plus tard, ou indiquez la règle et l’identifiant de la requête à votre service d’assistance.

## Test SSO, pour les exploitants

test-title = Test SSO : { $realm }
test-lead = Ce test effectue une connexion qui ne change rien : personne n’est connecté, et vous voyez tout ce qui a été envoyé et vérifié.
test-waits = Ce domaine d’authentification reste désactivé tant qu’aucun test n’a réussi.
test-entity = Notre ID d’entité
test-acs = URL de réponse (ACS)
test-issuer = Fournisseur d’identité
test-begin = Commencer le test
test-again = Tester de nouveau
test-errors = Si le fournisseur d’identité affiche une erreur
test-errors-lead = Certaines erreurs de Microsoft Entra ID restent sur sa propre page et ne reviennent jamais ici. Ce qu’il faut changer :
test-good = Le test a réussi
test-good-lead = Les personnes de { $realm } peuvent se connecter avec ces réglages. Ce test n’a connecté personne.
test-bad = Le test a échoué
test-bad-lead = Personne de { $realm } ne pourrait se connecter avec ces réglages. Ce qu’il faut changer figure à côté de chaque vérification en échec.
test-switched-on = Le domaine d’authentification attendait ce test. Il est maintenant activé.
test-checks = Vérifications
test-passed = réussi
test-failed = échoué
test-not-reached = non atteint
test-found = trouvé
test-certificates = Certificats
test-certificate-message = dans le message
test-certificate-trusted = configuré ici
test-claims = Revendications (claims)
test-claim = Revendication
test-value = Valeur
test-becomes = Devient
test-unused = non utilisé
test-messages = Messages
test-request = Ce qui a été demandé (AuthnRequest)
test-response = Ce qui a été répondu (Response)
test-assertion = Ce qui était chiffré (Assertion)
test-masked = Les signatures, les empreintes et les certificats sont omis, pour que ce que vous copiez de cette page ne permette à personne de se connecter.

check-age = Elle est arrivée à temps, à une adresse de ce domaine d’authentification
    .wanted = attendu
    .cure = Recommencez le test. S’il échoue encore, l’URL de réponse du fournisseur d’identité ne figure ni dans acs ni dans acs_aliases de ce domaine d’authentification.
check-shape = C’est une Response SAML de forme habituelle
    .wanted = attendu
    .cure = Le message n’est pas ce qu’envoie un fournisseur d’identité, ou contient des parties que ce portail refuse. Est-il modifié en chemin ? S’il est chiffré pour une clé qui n’est pas configurée ici, retirez le certificat sous Chiffrement de jeton.
    .algorithm = Elle est signée ou chiffrée avec un algorithme trop faible, comme SHA-1. Dans Entra : Authentification unique, Certificats SAML, Modifier, Algorithme de signature : SHA-256. Ailleurs : choisissez SHA-256 pour la signature et pour l’empreinte.
check-version = SAML 2.0
    .wanted = attendu
    .cure = Réglez le fournisseur d’identité sur SAML 2.0.
check-destination = Elle a été envoyée à cette adresse (Destination)
    .wanted = attendu
    .cure = Chez le fournisseur d’identité, réglez l’URL de réponse sur l’adresse attendue ici, lettre pour lettre. Dans Entra : Authentification unique, Configuration SAML de base.
check-issuer = Elle vient du fournisseur d’identité configuré (Issuer)
    .wanted = attendu
    .cure = Les métadonnées ou l’issuer de ce domaine d’authentification appartiennent à un autre fournisseur d’identité ou locataire. Copiez l’identificateur Microsoft Entra avec sa barre oblique finale, ou téléchargez de nouveau les métadonnées de cette application.
check-request = Elle répond à notre demande (InResponseTo)
    .wanted = attendu
    .cure = La Response a été faite pour une autre demande, ou pour aucune. Commencez le test avec le bouton, pas avec une vignette du fournisseur d’identité.
check-issued = Elle vient d’être faite (IssueInstant)
    .wanted = heure ici
    .cure = Sa date est future, ou antérieure à notre requête. Les horloges diffèrent de plus d’une minute : réglez par NTP l’horloge de cette machine et celle du fournisseur d’identité.
check-status = Le fournisseur d’identité dit que tout s’est bien passé (Status)
    .wanted = attendu
    .cure = Le fournisseur d’identité donne sa raison plus haut.
check-signature = Les deux vérificateurs la trouvent signée par un certificat configuré
    .wanted = attendu
    .cure = Ni la Response ni l’Assertion n’est signée, ou la signature n’est pas valable. Dans Entra, toute option de signature convient, avec l’algorithme de signature SHA-256.
    .algorithm = Elle est signée ou chiffrée avec un algorithme trop faible, comme SHA-1. Dans Entra : Authentification unique, Certificats SAML, Modifier, Algorithme de signature : SHA-256. Ailleurs : choisissez SHA-256 pour la signature et pour l’empreinte.
    .foreign = Elle a été signée avec un certificat qui n’est pas configuré ici : comparez les empreintes ci-dessous. Dans Entra, sous Certificats SAML, le certificat actif a une autre empreinte que le vôtre : téléchargez de nouveau XML de métadonnées de fédération ou Certificat (Base64) et indiquez-le dans metadata ou certificate de ce domaine d’authentification.
check-assertion = L’Assertion est complète
    .wanted = attendu
    .cure = Il manque à l’Assertion une partie que le profil Web Browser SSO exige, comme Conditions, une confirmation bearer ou un AuthnStatement.
check-assertion-issuer = L’Assertion vient du fournisseur d’identité configuré
    .wanted = attendu
    .cure = Les métadonnées ou l’issuer de ce domaine d’authentification appartiennent à un autre fournisseur d’identité ou locataire.
check-assertion-issued = L’Assertion vient d’être faite (IssueInstant)
    .wanted = heure ici
    .cure = Sa date est future, ou antérieure à notre requête. Les horloges diffèrent de plus d’une minute : réglez par NTP l’horloge de cette machine et celle du fournisseur d’identité.
check-validity = Elle est valable maintenant (Conditions)
    .wanted = heure ici
    .cure = L’Assertion n’est pas encore valable, ou ne l’est plus. Réglez l’horloge de cette machine par NTP.
check-audience = Elle nous est destinée (Audience)
    .wanted = attendu
    .cure = Chez le fournisseur d’identité, réglez Identificateur (ID d’entité) sur ce qui est attendu ici, lettre pour lettre, ou changez entity_id de ce domaine d’authentification.
check-authentication = La personne a prouvé son identité, et cela compte encore
    .wanted = heure ici
    .cure = Les horloges diffèrent, ou la session chez le fournisseur d’identité est terminée. Déconnectez-vous-y et testez de nouveau.
check-context = La personne s’est connectée d’une manière demandée (AuthnContext)
    .wanted = attendu : l’un de
    .cure = Faites en sorte que le fournisseur d’identité demande l’une des manières attendues, ajoutez celle qui a été trouvée à authn_context de ce domaine d’authentification, ou retirez authn_context : toute manière convient alors.
check-anew = La personne a été interrogée de nouveau (ForceAuthn)
    .wanted = demandé à
    .cure = Le fournisseur d’identité a répondu avec une connexion antérieure à la demande. Faites-lui respecter ForceAuthn, ou retirez force_authn de ce domaine d’authentification. S’il a bien interrogé la personne, les horloges diffèrent de plus d’une minute.
check-confirmation = Elle peut être présentée ici et maintenant (Recipient)
    .wanted = attendu
    .cure = Chez le fournisseur d’identité, réglez l’URL de réponse sur l’adresse attendue ici, lettre pour lettre. Si c’est déjà le cas, les horloges diffèrent.
check-identity = Les revendications désignent quelqu’un
    .wanted = attendu : l’un de
    .cure = Aucune des identity_claims de ce domaine d’authentification n’est présente, ou l’une est vide, double ou d’un autre locataire. Dans Entra : Attributs et revendications, Ajouter une nouvelle revendication, avec un espace de noms vide. Ou nommez dans identity_claims l’une des revendications trouvées. Les personnes que seule la NameID désigne sont désignées par identity_claims = ["NameID"].
check-domain = Le domaine d’authentification répond du domaine de ce nom
    .wanted = attendu : l’un de
    .cure = Le nom est dans un domaine qui n’est pas l’un de ceux de ce domaine d’authentification. S’il lui appartient, ajoutez-le à domains de ce domaine d’authentification. S’il est celui d’un invité, ajoutez-le à foreign_names, ou envoyez une revendication avec le nom que les invités ont dans le locataire.

field-name = le nom dans les enregistrements et les règles
field-id = l’identifiant immuable
field-display-name = le nom à lire
field-sam-account-name = sAMAccountName
field-upn = UPN
field-email = adresse e-mail
field-groups = groupes
field-too-many-groups = groupes inconnus (plus de 150)
field-tenant = le locataire exigé

entra-50011 = L’URL de réponse n’est pas inscrite. Entra : Applications d’entreprise, votre application, Authentification unique, Configuration SAML de base, URL de réponse : ajoutez { $acs }
entra-50058 = Entra devait connecter quelqu’un sans afficher de page, et personne n’était connecté. Recommencez ; si cela persiste, le navigateur bloque les cookies de login.microsoftonline.com.
entra-50105 = La personne n’est pas affectée à l’application. Entra : Applications d’entreprise, votre application, Utilisateurs et groupes, Ajouter un utilisateur/groupe. Ou Propriétés, Affectation requise ?, Non.
entra-700016 = Il n’y a dans ce locataire aucune application avec notre ID d’entité. Entra : Authentification unique, Configuration SAML de base, Identificateur (ID d’entité) : { $entity } – ou réglez entity_id de ce domaine d’authentification sur ce qui y figure. Si l’identificateur est juste, login_url appartient à un autre locataire.
entra-75011 = La manière de se connecter n’est pas celle que nous avons demandée. Retirez authn_context de ce domaine d’authentification : qui utilise Windows Hello, un certificat ou une clé ne pourrait pas se connecter avec lui.
entra-900236 = Entra n’accepte pas de Subject dans une demande. Nous n’en envoyons pas : quelque chose entre ce portail et Entra a modifié la demande, ou un autre produit l’a envoyée.
entra-7500529 = L’ID de la demande commence par un chiffre. Jamais le nôtre : quelque chose entre ce portail et Entra a modifié la demande, ou un autre produit l’a envoyée.

## Outils et terminaux

tokens-count = { $count ->
    [one] { $count } outil ou terminal connecté
   *[other] { $count } outils et terminaux connectés
  }
tokens-title = Outils et terminaux
tokens-lead = Les programmes comme git, curl ou pip ne peuvent pas afficher de page de connexion. Ici, vous les laissez passer par le proxy en votre nom.
tokens-list = Connectés
tokens-account = Tout ce qui est ici compte comme
tokens-none = Aucun outil ni terminal n’est connecté.
tokens-terminal = Terminal
tokens-made = Créé
tokens-expires = Expire
tokens-last-use = Dernière utilisation
tokens-never = jamais
tokens-networks = Depuis
tokens-destinations = Pour
tokens-revoke = Révoquer…
tokens-revoke-lead = Tout ce qui l’utilise est coupé aussitôt. C’est irréversible.
tokens-revoke-now = Révoquer { $name }
tokens-sign-in-terminal = Connecter un terminal
tokens-sign-in-terminal-lead = Pour la fenêtre dans laquelle vous saisissez des commandes. Exécutez-y cette ligne, puis approuvez-la ici. Il n’y a rien à recopier, et rien ne reste dans un fichier.
tokens-new = Créer un jeton
tokens-new-lead = Pour les scripts et les serveurs qui fonctionnent sans vous. Un jeton est un long mot de passe destiné à un seul programme.
tokens-what = Qu’est-ce qu’un jeton ?
tokens-what-text =
    Un programme présente son jeton au proxy au lieu d’une page de connexion, et passe en votre nom. Il ne sert à rien d’autre : personne ne peut ouvrir votre compte ou votre messagerie avec lui.
    Quiconque le possède agit en votre nom. Créez-en donc un par usage, limitez-le et gardez-le comme un mot de passe. Il expire de lui-même, et vous pouvez le révoquer ici à tout moment.
tokens-note-revoked = C’est révoqué, et ce qui l’utilisait est coupé.
tokens-note-no-terminal = Aucun terminal ne demande avec ce code. Il est valable dix minutes et une seule fois : demandez-en un nouveau dans le terminal.
tokens-note-shown = Un jeton n’est affiché qu’une fois. Si vous ne l’avez pas copié, révoquez-le et créez-en un autre.

token-name = Nom
token-name-hint = À quoi il sert, par exemple serveur de compilation
token-lifetime = Valable pendant
token-days = { $days ->
    [one] { $days } jour
   *[other] { $days } jours
  }
token-limits = Limiter où et pour quoi il fonctionne
token-networks = Où il peut être utilisé
token-networks-hint = Vide pour partout ; sinon des réseaux, des adresses et des plages, séparés par des virgules. Vous êtes à l’adresse { $client }, sur le réseau { $network }.
token-destinations = Pour quoi il peut être utilisé
token-destinations-hint = Vide pour tout ; sinon des destinations comme pypi.org, avec tous les hôtes en dessous
token-make = Créer le jeton
token-mistake-name = Donnez-lui un nom auquel vous le reconnaîtrez.
token-mistake-network = { $entry } n’est ni une adresse, ni une plage, ni le nom d’un réseau d’ici.
token-mistake-destination = { $entry } n’est pas une destination : écrivez seulement l’hôte, comme pypi.org.
token-mistake-many = Il y a plus de vingt entrées.
token-mistake-full = { $most ->
    [one] Vous avez déjà { $most } jeton, et personne n’en a plus : révoquez-le d’abord.
   *[other] Vous avez déjà { $most } jetons, et personne n’en a plus : révoquez-en un d’abord.
  }

new-token-title = Votre nouveau jeton
new-token-lead = Copiez-le maintenant : il est affiché une fois, et personne ne peut l’afficher de nouveau.
new-token-lines = Prêt à copier
new-token-lines-lead = Quiconque peut lire le fichier ou l’environnement où il se trouve peut l’utiliser.
new-token-done = Terminé
token-for-shell = Linux, macOS : tout dans un shell
    .where = Dans ~/.profile, ou dans le shell lui-même
token-for-curl = curl
    .where = En ligne de commande ; les lignes pour le shell fonctionnent aussi
token-for-wget = wget
    .where = En ligne de commande, ou https_proxy dans ~/.wgetrc
token-for-git = git
    .where = Par https
token-for-pip = pip
    .where = Pour votre compte
token-for-npm = npm
    .where = Pour votre compte
token-for-apt = apt
    .where = Dans un fichier comme /etc/apt/apt.conf.d/80proxy que seul root peut lire (chmod 600)
token-for-docker = docker
    .where = Dans ~/.docker/config.json, pour les conteneurs ; dockerd lui-même lit HTTPS_PROXY dans son unité
token-for-powershell = PowerShell
    .where = Dans la session, ou dans $PROFILE
token-for-other = Tout le reste
    .where = Hôte, port, nom et mot de passe du proxy

terminal-title = Est-ce votre terminal ?
terminal-lead = Un terminal demande à être connecté en votre nom. Il doit afficher ce code :
terminal-elsewhere = Ce terminal a une autre adresse que ce navigateur. Ne l’approuvez que si vous savez pourquoi.
terminal-address = Adresse
terminal-tool = Outil
terminal-asked = Demandé
terminal-means = Si vous approuvez, quiconque est devant ce terminal utilise Internet en tant que { $account } jusqu’au { $moment }, ou jusqu’à ce que vous vous déconnectiez ici.
terminal-warning = N’approuvez que ce que vous venez de lancer vous-même. Si quelqu’un vous a envoyé cette adresse, refusez.
terminal-approve = Approuver
terminal-refuse = Refuser
terminal-decided-good = Votre terminal est approuvé
terminal-decided-approved = Approuvé. Votre terminal continue dans un instant ; vous pouvez fermer cette page.
terminal-decided-bad = Le terminal est refusé
terminal-decided-refused = Refusé. Le terminal en a été informé ; vous pouvez fermer cette page.
terminal-decided-list = Tous les outils et terminaux

terminal-open = Ouvrez cette adresse dans un navigateur où vous êtes connecté, ou connectez-vous-y :
terminal-compare = Elle doit afficher le code { $code }. Approuvez-le là-bas.
terminal-waiting = En attente (Ctrl-C pour arrêter)…
terminal-approved = Connecté en tant que { $account } jusqu’au { $moment }.
terminal-refused = Le terminal a été refusé.
terminal-unknown = Le code n’est plus valable, ou a été créé à une autre adresse. Recommencez.
terminal-away = Personne ne peut se connecter en ce moment : le stockage des sessions ne répond pas. Réessayez plus tard.
terminal-plain = Ceci n’est pas un script. Sans TLS, quiconque sur le chemin pourrait écrire ce que votre shell exécute, et lire le jeton. Demandez au portail, par le proxy :
terminal-authority = Le fichier { $file } est le certificat de l’autorité de ce proxy : téléchargez-le dans votre navigateur à l’adresse { $place }, ou demandez-le à votre service d’assistance. N’utilisez pas -k à la place : rien ne serait alors prouvé.

tool-unknown = Le proxy doit savoir qui demande, et cet outil n’a pas de jeton.
tool-terminal = Pour connecter ce terminal, ouvrez cette adresse dans un navigateur :
tool-terminal-code = Comparez-y le code { $code } et approuvez-le. Exécutez ensuite ici :
tool-token = Pour les scripts, créez un jeton et utilisez-le comme mot de passe du proxy :
tool-token-unknown = Le jeton ou le mot de passe du proxy n’est pas valable.
tool-token-expired = Le jeton a expiré.
tool-token-revoked = Le jeton a été révoqué.
tool-token-person = Le jeton appartient à quelqu’un d’autre que le nom qui le précède. Utilisez le nom « token ».
tool-token-network = Le jeton n’est pas valable pour le réseau de cette machine.
tool-token-destination = Le jeton n’est pas valable pour cette destination.
tool-token-too-many = Trop de jetons erronés sont venus de cette adresse. Patientez une minute.
tool-token-away = Les jetons ne peuvent pas être vérifiés en ce moment. Réessayez plus tard.

## Consentement de l’administrateur d’un locataire

consent-granted = L’autorisation a été accordée
consent-granted-lead = L’application de l’annuaire { $directory } peut maintenant faire ce qu’elle demande.
consent-granted-next = L’annuaire est en cours de lecture. Vous pouvez fermer cette page.
consent-refused = L’autorisation n’a pas été accordée
consent-refused-lead = L’application de l’annuaire { $directory } n’a pas obtenu ce qu’elle demande :
consent-refused-next = Demandez un nouveau lien, et faites-le ouvrir par un administrateur qui peut donner son consentement.
consent-stale = Ce lien n’est plus valable
consent-stale-lead = La réponse est arrivée trop tard, ou n’était pas attendue. Rien n’a changé ici.
